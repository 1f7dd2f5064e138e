package Abio::Driver;

# A driver of abio under IO::Async: the loop watches its descriptor, and an operation is a Future.

use v5.36;
use Future;
use Scalar::Util qw(blessed weaken);
use Abio;
use Abio::Memory;

use constant {EVENT => 48, EVENTS => 64, ROUNDS => 16};

sub new ($class, $loop) {
    my $out = Abio::Memory->new(8);
    Abio::check(driver_create => Abio::C::driver_create(undef, $out->address));
    my $id = unpack 'Q', $out->bytes;

    # A duplicate: a Perl handle closes its descriptor when it goes, and that one is the library's.
    open my $handle, '<&', Abio::C::driver_fd($id) or die "driver's descriptor: $!\n";
    my $self = bless {
        id     => $id,
        loop   => $loop,
        handle => $handle,
        events => Abio::Memory->new(EVENT * EVENTS),
        token  => 0,
        flying => {},
    }, $class;
    weaken(my $weak = $self);
    $loop->watch_io(handle => $handle, on_read_ready => sub { $weak->pump });
    return $self;
}

sub id       ($self) { $self->{id} }
sub argument ($self) { $self->{id} }

# Starts abio_$function and gives a Future of its event.  The arguments are those of the function
# without the token; memory, buffers and drivers are given as objects, kept until the terminal event.
sub start ($self, $function, @arguments) {
    my $token  = ++$self->{token};
    my $call   = Abio::C->can($function) // die "no function abio_$function\n";
    my $future = $self->{loop}->new_future;
    Abio::check($function => $call->((map { blessed $_ ? $_->argument : $_ } @arguments), $token));
    $self->{flying}{$token} = {function => $function, future => $future, lent => \@arguments};

    # Who cancels the Future is told at once; the memory comes home with the event all the same.
    $future->on_cancel(sub { $self->ask($token) });
    return $future->set_label($token);
}

# Asks an operation to end; its Future ends by its event, with ABIO_E_CANCELED or what came first.
sub cancel ($self, $future) { $self->ask($future->label) }
sub ask    ($self, $token)  { Abio::C::cancel($self->{id}, $token) }

sub in_flight ($self) { scalar keys $self->{flying}->%* }

# The one pump.  Rounds are limited, so that tasks that always have more to do leave their turn to
# the rest of the loop: the descriptor stays readable until a poll has answered 0.
sub pump ($self) {
    my $more = Abio::constant('EVENT_MORE');
    for (1 .. ROUNDS) {
        my $count = Abio::C::driver_poll($self->{id}, $self->{events}->address, EVENT, EVENTS);
        last if $count <= 0;
        for my $words (unpack "(a@{[EVENT]})$count", $self->{events}->bytes) {
            my %event;
            @event{qw(token result progress handle data flags)} = unpack 'Q q Q Q Q L', $words;
            $self->end(%event) unless $event{flags} & $more;
        }
    }
    $self->finish if $self->{closed};
}

sub end ($self, %event) {

    # What was lent is let go here, before those who wait go on.
    my ($function, $future) =
      (delete $self->{flying}{$event{token}} // return)->@{qw(function future)};
    if ($future->is_cancelled) {

        # Nobody waits for what it won after all.
        Abio::C::release($event{handle}) if $event{flags} & Abio::constant('EVENT_HANDLE');
    }
    elsif ($event{result} >= 0) { $future->done(\%event) }
    else {
        eval { Abio::check($function => $event{result}) };
        $future->fail($@, abio => $event{result});
    }
}

# A Future of the driver's end: everything in flight is cancelled and delivered first.
sub close ($self) {
    Abio::check(driver_shutdown => Abio::C::driver_shutdown($self->{id}));
    $self->{closed} = $self->{loop}->new_future;
    $self->{loop}->later(sub { $self->pump });
    return $self->{closed};
}

sub finish ($self) {
    return if Abio::C::driver_close($self->{id}) == Abio::constant('E_BUSY');
    $self->{loop}->unwatch_io(handle => $self->{handle}, on_read_ready => 1);
    delete $self->{handle};
    delete($self->{closed})->done;
}

1;
