# file: src/traits/buf_reader.c
# program: test_composites
# expect: bytes early error lost
# What came with a cancel is thrown away.
/^static void filled/,/^}/{
s/if (result > 0)/if (result > 0 \&\& !operation->canceled)/
}
