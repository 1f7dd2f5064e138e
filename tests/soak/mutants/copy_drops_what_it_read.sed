# file: src/traits/copy.c
# program: test_composites
# expect: lost bytes
# What a copy had read and not written when it was cut off is thrown away.
/^static void ended/,/^}/{
s/copy->start < copy->end && /copy->start > copy->end \&\& /
}
