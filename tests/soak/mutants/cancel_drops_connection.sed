# file: src/resource/listener.c
# program: test_cancel_race
# expect: event
# A connection that a canceled accept has won is closed.
/^static void accept_done/,/^}/{
s/^\t\tresult = 0;/\t\tresult = operation->canceled ? ABIO_E_CANCELED : 0;/
}
