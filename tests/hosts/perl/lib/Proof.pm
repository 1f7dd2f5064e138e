package Proof;

# What must be true of any loop that abio lives in: other tasks go on meanwhile, and a cancelled
# operation ends once, in its event, and loses nothing.

use v5.36;
use Future;
use Future::AsyncAwait;
use Scalar::Util qw(weaken);
use Abio;
use Abio::Memory;
use Check qw(check);

sub pipe_ends ($driver) {
    my $ends = Abio::Memory->new(16);
    Abio::check(pipe => Abio::C::pipe($driver->id, 0, $ends->address, $ends->address + 8));
    return unpack 'QQ', $ends->bytes;
}

# A task on the loop's timers and one that reads by abio: each waits for the other, so the order is
# given.  And reading lines that are all there already leaves the loop its turns.
async sub own_loop ($driver, $loop, $read_lines) {
    my ($reader, $writer) = pipe_ends($driver);
    my @seen = map { $loop->new_future } 1 .. 5;
    my @order;
    my $ticking = (
        async sub {
            my $byte = Abio::Memory->of('x');
            for my $n (1 .. @seen) {
                await $loop->delay_future(after => 0.001);
                push @order, "tick $n";
                await $driver->start(write_all => $writer, $byte, 1, 0);
                await $seen[$n - 1];
            }
        }
    )->();
    my $memory = Abio::Memory->new(16);
    for my $n (1 .. @seen) {
        await $driver->start(read => $reader, $memory, 16, 0);
        push @order, "read $n";
        $seen[$n - 1]->done;
    }
    await $ticking;
    check('order', join(' ', map { "tick $_ read $_" } 1 .. @seen), "@order");
    Abio::C::release($_) for $reader, $writer;

    my ($turns, $reading) = (0, 1);
    my $count = sub ($again) {
        $turns++;

        # A timer: what Glib calls idle comes only when nothing else does.
        $loop->watch_time(after => 0, code => sub { $again->($again) }) if $reading;
    };
    $count->($count);
    await $read_lines->($driver);
    $reading = 0;
    check('turns of the loop while lines are read', 'many', $turns > 100 ? 'many' : $turns);
    return "yes, IO::Async's watch_io";
}

# The bytes of a pipe whose reader waits, is cancelled, and loses nothing.
async sub cancel ($driver, $loop) {
    my ($reader, $writer) = pipe_ends($driver);
    my $memory = Abio::Memory->new(64);
    weaken(my $lent = $memory);
    my $read = $driver->start(read => $reader, $memory, 64, 0);
    undef $memory;
    await $loop->delay_future(after => 0);
    check('silent read',             'pending', $read->state);
    check('operations asked to end', 1,         $driver->cancel($read));
    check('memory before the event', 'kept',    $lent ? 'kept' : 'freed');
    await Future->wait_all($read);
    check('cancelled read', Abio::constant('E_CANCELED'), ($read->failure)[2] // 'no failure');
    check('memory after the event', 'freed', $lent ? 'kept' : 'freed');

  # The way of Futures, as by a timeout: nobody waits any more, and the memory is lent all the same.
    weaken($lent = $memory = Abio::Memory->new(64));
    $driver->start(read => $reader, $memory, 64, 0)->cancel;
    undef $memory;
    check('memory of a cancelled Future', 'kept', $lent ? 'kept' : 'freed');
    await $loop->delay_future(after => 0) while $driver->in_flight;
    check('memory of its operation', 'freed', $lent ? 'kept' : 'freed');

    my $message = Abio::Memory->of('every byte');
    await $driver->start(write_all => $writer, $message, $message->size, 0);
    my $next  = Abio::Memory->new(64);
    my $event = await $driver->start(read => $reader, $next, 64, 0);
    check('the next read', 'every byte', $next->bytes(0, $event->{result}));
    Abio::C::release($_) for $reader, $writer;
    return;
}

1;
