package Check;

# Counts what is as it should be, and prints a line for each part of the program.

use v5.36;
use Exporter qw(import);

our @EXPORT_OK = qw(check part summary);

my ($passed, $failed) = (0, 0);
STDOUT->autoflush;

sub check ($what, $expected, $got) {
    return ++$passed if $expected eq $got;
    $failed++;
    print STDERR "FAILED $what: expected $expected, got $got\n";
    return 0;
}

# Prints a line of the table; a part may answer what stands there instead of "yes".
sub part ($name, $run) {
    my $before = $failed;
    my $value  = eval { $run->() // 'yes' };
    if (!defined $value) {
        chomp(my $reason = $@);
        check($name, 'no exception', $reason);
        $value = "no: $reason";
    }
    elsif ($failed > $before) {
        $value =~ s/^yes.*/'no: ' . ($failed - $before) . ' failed'/e;
    }
    say "$name: $value";
    return $failed == $before;
}

# The last line, and the exit status.
sub summary () {
    say "$passed passed, $failed failed";
    return $failed ? 1 : 0;
}

1;
