# file: src/core/driver.c
# expect: asleep
# Nothing is looked at once more after the drain.
s/^\t\tif (!more(driver) && !undelivered(driver))$/\t\tif (drained)/
