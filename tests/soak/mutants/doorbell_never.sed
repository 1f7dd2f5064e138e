# file: src/core/driver.c
# expect: asleep
# A start on a cold fd rings no doorbell.
s/(!driver->hot && !driver->rung))/false)/
