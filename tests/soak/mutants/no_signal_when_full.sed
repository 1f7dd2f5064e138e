# file: src/core/driver.c
# expect: asleep
# A poll that fills the host's array leaves the fd as it happens to be.
/^static void stay_readable/,/^}/{
s/^\tif (.*EDGE) != 0 ||$/\tif (driver->shut \&\& driver->fd < 0 \&\&/
}
