package Abio::Buffer;

# A buffer of the library's memory, for what grows by itself: lines, whole streams.

use v5.36;
use FFI::Platypus::Buffer qw(buffer_to_scalar);
use Abio;
use Abio::Memory;

sub new ($class, $capacity) {
    my $out = Abio::Memory->new(8);
    Abio::check(buffer_alloc => Abio::C::buffer_alloc($capacity, 0, 0, $out->address));
    my $state = Abio::new_struct('buffer_state');
    return bless {id => unpack('Q', $out->bytes), state => $state}, $class;
}

sub argument ($self) { $self->{id} }

# Takes out all that is in it.
sub take ($self) {
    my $state = $self->{state};
    Abio::check(buffer_info => Abio::C::buffer_info($self->{id}, $state->address));
    my ($data, $filled) = map { Abio::get($state, 'buffer_state', $_) } qw(data filled);
    my $bytes = buffer_to_scalar($data, $filled);
    Abio::check(buffer_set => Abio::C::buffer_set($self->{id}, 0, $filled));
    return $bytes;
}

sub DESTROY ($self) { Abio::C::buffer_release($self->{id}) }
sub CLONE_SKIP      { 1 }

1;
