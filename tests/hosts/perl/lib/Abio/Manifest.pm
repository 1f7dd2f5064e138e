package Abio::Manifest;

# Runs conformance.json: for every row a fresh set of handles, one call, and what must come of it.
# Nothing here knows abio; the file says how handles are made.

use v5.36;
use FFI::Platypus::Buffer qw(buffer_to_scalar);
use POSIX                 ();
use threads;
use Thread::Queue;
use Abio;
use Abio::Memory;
use Check qw(check);

# One thread for all rows that want another: to make one is to copy the whole interpreter.
my ($calls, $answers, $thread) = (Thread::Queue->new, Thread::Queue->new);

# Runs them all and gives what is to be said of it.
sub run ($path) {
    my $manifest = Abio::read_json($path);
    my ($run, $failed) = (0, 0);
    for my $row ($manifest->{rows}->@*) {
        my $set = bless {manifest => $manifest, kept => {}, named => {}, memory => []};
        check("$row->{function} $row->{case}", $set->play($row)) or $failed++;
        $set->end;
        $run++;
    }
    $calls->end;
    $thread->join if $thread;
    return "$run rows run, $failed failed";
}

sub call ($name, @arguments) { Abio::C->can($name =~ s/^abio_//r)->(@arguments) }

# What was expected of a row and what came.
sub play ($set, $row) {
    $set->make($_) for $row->{needs}->@*;
    my ($keep, @arguments) = $set->arguments($row->{arguments}->@*);
    my $where  = $row->{where};
    my $run    = $where eq 'thread' ? \&in_thread : $where eq 'child' ? \&in_child : \&call;
    my $answer = $run->($row->{function}, @arguments);
    $keep->();
    return judge($row, $answer);
}

sub judge ($row, $answer) {
    return ('NULL',       $answer ? 'a pointer' : 'NULL')                if $row->{null};
    return ($row->{text}, $Abio::ffi->cast(opaque => 'string', $answer)) if defined $row->{text};
    if (my $head = $row->{head}) {
        my ($size, $trait) = unpack 'L x4 L', buffer_to_scalar($answer, 16);
        my $enough = $size >= $head->{size} ? $head->{size} : $size;
        return ("size $head->{size}, trait $head->{trait}", "size $enough, trait $trait");
    }
    return ($row->{code},   $answer) if $row->{refused};
    return ('another code', $answer == $row->{code} ? $answer : 'another code');
}

# The child says by a pipe what came, and ends without its parent's destructors.
sub in_child (@call) {
    pipe my $from, my $to or die "pipe: $!\n";
    defined(my $pid = fork) or die "fork: $!\n";
    if (!$pid) {
        syswrite $to, call(@call);
        POSIX::_exit(0);
    }
    close $to;
    my $answer = do { local $/; <$from> };
    waitpid $pid, 0;
    return $answer // "a dead child, status $?";
}

sub in_thread (@call) {
    $thread //= threads->create(
        sub {
            while (my $call = $calls->dequeue) { $answers->enqueue(call(@$call)) }
        }
    );
    $calls->enqueue(\@call);
    return $answers->dequeue;
}

sub make ($set, $name) {
    return if exists $set->{kept}{$name};
    my $recipe = $set->{manifest}{recipes}{$name};
    $set->make($_) for $recipe->{needs}->@*;
    for my $step ($recipe->{steps}->@*) {
        if (my $driver = $step->{finish}) {
            my $handle = finish($set->{kept}{$driver}, $step->{token});
            $set->{kept}{$step->{as}} = $handle if $step->{as};
            next;
        }
        my ($keep, @arguments) = $set->arguments($step->{arguments}->@*);
        Abio::check("$name: $step->{call}" => call($step->{call}, @arguments));
        $keep->();
    }
    return;
}

# Waits for the terminal event of a token and gives its handle.
sub finish ($driver, $token) {
    my ($more, $event) = (Abio::constant('EVENT_MORE'), Abio::Memory->new(48));
    while (Abio::check(wait => Abio::C::driver_wait($driver, $event->address, 48, 1, -1))) {
        my ($of, $result, undef, $handle, undef, $flags) = unpack 'Q q Q Q Q L', $event->bytes;
        next if $of != $token || $flags & $more;
        Abio::check(finish => $result);
        return $handle;
    }
    die "the driver has no event of token $token\n";
}

# What to do after the call, and the arguments as Platypus takes them.
sub arguments ($set, @specs) {
    my %keep;
    my @arguments =
      map { ref $_ ? $set->pointer($_, \%keep) : exists $set->{kept}{$_} ? $set->{kept}{$_} : $_ }
      @specs;
    return sub { $set->{kept}{$_} = unpack 'Q', $keep{$_}->bytes(0, 8) for keys %keep }, @arguments;
}

sub pointer ($set, $spec, $keep) {
    return $set->{named}{$spec->{inside}}->address + $spec->{offset} if $spec->{inside};
    push $set->{memory}->@*, my $memory = Abio::Memory->new($spec->{memory});
    $memory->set(pack('L', $_->[1]),                       $_->[0]) for ($spec->{u32}    // [])->@*;
    $memory->set($_->[1],                                  $_->[0]) for ($spec->{text}   // [])->@*;
    $memory->set(pack('Q', $set->pointer($_->[1], $keep)), $_->[0]) for ($spec->{points} // [])->@*;
    $set->{named}{$spec->{as}} = $memory if $spec->{as};
    $keep->{$spec->{keep}}     = $memory if $spec->{keep};
    return $memory->address;
}

# Drivers first: what they hold ends with them, and then the memory may go.
sub end ($set) {
    my ($kept, $kinds) = ($set->{kept}, $set->{manifest}{kinds});
    my $event = Abio::Memory->new(48);
    for my $driver (map { $kept->{$_} } grep { $kinds->{$_} eq 'driver' } keys %$kept) {
        Abio::C::driver_shutdown($driver);
        while (Abio::C::driver_close($driver) == Abio::constant('E_BUSY')) {
            Abio::C::driver_wait($driver, $event->address, 48, 1, -1);
        }
    }
    for my $name (grep { $kinds->{$_} ne 'driver' } keys %$kept) {
        my $release = $kinds->{$name} eq 'io' ? \&Abio::C::release : \&Abio::C::buffer_release;
        for (1 .. 8) { last if $release->($kept->{$name}) < 0 }
    }
    return;
}

1;
