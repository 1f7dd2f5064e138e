# file: src/core/driver.c
# expect: asleep
# Every poll drains the fd, also one whose array is full while events are left.
/^int32_t impl_driver_poll/,/^}/{
s/^\tstay_readable(driver);/\tdriver->backend->drain(driver);\n\tdriver->rung = false;/
}
