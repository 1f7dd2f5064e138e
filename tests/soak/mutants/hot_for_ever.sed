# file: src/core/driver.c
# expect: asleep
# A drained fd is still taken for readable: starts ring no doorbell.
s/^\t\tdriver->hot = false;/\t\tdriver->hot = driver->hot;/
