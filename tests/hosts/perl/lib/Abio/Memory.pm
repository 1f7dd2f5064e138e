package Abio::Memory;

# Memory that stays where it is.  A Perl string's does not: it moves when the string grows, is
# shared by copies, and is freed with the last of them; so what is lent to the library is malloc'd,
# and Abio::Driver holds on to the object until the terminal event has come.

use v5.36;
use FFI::Platypus::Buffer qw(buffer_to_scalar scalar_to_buffer);
use FFI::Platypus::Memory qw(calloc free memcpy);

sub new ($class, $size, $bytes = '') {
    my $self = bless {address => calloc(1, $size || 1), size => $size}, $class;
    $self->set($bytes);
    return $self;
}

sub of ($class, $bytes) { $class->new(length $bytes, $bytes) }

sub address  ($self) { $self->{address} }
sub argument ($self) { $self->{address} }
sub size     ($self) { $self->{size} }

sub set ($self, $bytes, $offset = 0) {
    die "does not fit\n" if $offset + length $bytes > $self->{size};
    my ($address, $length) = scalar_to_buffer($bytes);
    memcpy($self->{address} + $offset, $address, $length) if $length;
}

# A copy of what is there now.
sub bytes ($self, $offset = 0, $length = $self->{size} - $offset) {
    return buffer_to_scalar($self->{address} + $offset, $length);
}

sub DESTROY ($self) { free($self->{address}) }

# A new ithread gets no copy, which would free the memory a second time.
sub CLONE_SKIP { 1 }

1;
