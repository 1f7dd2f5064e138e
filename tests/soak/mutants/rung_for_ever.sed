# file: src/core/driver.c
# expect: asleep
# A drained doorbell is still taken for rung.
s/^\t\tdriver->rung = false;/\t\tdriver->rung = driver->rung;/
