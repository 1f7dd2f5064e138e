package Abio;

# abio for Perl: loads the library by its one symbol, makes a Perl function of every pointer in the
# root table (Abio::C::read, Abio::C::open ...), and packs the structs that abio.json describes.
# Which loop a program has is Abio::Driver's concern.

use v5.36;
use FFI::Platypus 2.00;
use FFI::Platypus::Buffer qw(buffer_to_scalar);
use JSON::PP              ();
use Abio::Memory;

my %PLATYPUS =
  (u64 => 'uint64', i64 => 'sint64', u32 => 'uint32', i32 => 'sint32', ptr => 'opaque');
my %PACKED = (u64 => 'Q', i64 => 'q', u32 => 'L', i32 => 'l', u16 => 'S', ptr => 'Q', cptr => 'Q');

my (%constant, %struct);
our $ffi;

sub read_json ($path) {
    open my $file, '<:raw', $path or die "$path: $!\n";
    local $/;
    return JSON::PP->new->decode(<$file>);
}

# Opens the library, refuses one that is older than the description, and fills Abio::C.
sub load ($library, $generated) {
    my $json = read_json("$generated/abio.json");
    my ($about, $functions) =
      ($json->{description}, read_json("$generated/conformance.json")->{functions});
    for my $group ($about->{constants}->@*) {
        $constant{"$group->{prefix}$_->{name}"} = $_->{number} for $group->{values}->@*;
    }
    %struct = map { $_->{name} => $_ } $about->{structs}->@*;

    $ffi = FFI::Platypus->new(api => 2, lib => $library);
    my $wanted = $about->{abi};
    my $api    = $ffi->function(abio_api => ['uint32'] => 'opaque')->call($wanted->{major})
      or die "$library does not speak major version $wanted->{major} of abio\n";
    my ($size, $major, $minor, $trait) = unpack 'L S S L', buffer_to_scalar($api, 16);
    my ($most) = sort { $b <=> $a } map { $_->{offset} } values %$functions;
    die "$library is abio $major.$minor, older than the $wanted->{version} this program needs\n"
      if $major != $wanted->{major} || $minor < $wanted->{minor} || $size < $most + 8 || $trait;

    for my $name (keys %$functions) {
        my ($offset, $types, $result) = $functions->{$name}->@{qw(offset types result)};
        my $address = $offset ? unpack 'Q', buffer_to_scalar($api + $offset, 8) : 'abio_api';
        $ffi->attach(
            [$address => 'Abio::C::' . $name =~ s/^abio_//r],
            [@PLATYPUS{@$types}] => $PLATYPUS{$result}
        );
    }

    my $abi = new_struct('abi');
    check('abio_abi_info', Abio::C::abi_info($abi->address));
    my $newer = $minor > $wanted->{minor};
    die "$library was built from another description than abio $wanted->{version}\n"
      if !$newer && unpack('H*', get($abi, 'abi', 'hash')) ne $json->{sha256};
    return join '.', map { get($abi, 'abi', $_) } qw(major minor patch);
}

sub constant ($name) { $constant{"ABIO_$name"} // die "no constant ABIO_$name\n" }

sub field ($struct, $name) {
    my ($field) = grep { $_->{name} eq $name } $struct{$struct}{fields}->@*;
    return $field // die "struct abio_$struct has no $name\n";
}

# Memory with a struct in it: `size` is set where there is one, and the fields that are given.
sub new_struct ($name, %values) {
    my $memory = Abio::Memory->new($struct{$name}{size});
    $values{size} //= $struct{$name}{size} if $struct{$name}{fields}[0]{name} eq 'size';
    for (keys %values) {
        my $field  = field($name, $_);
        my $letter = $PACKED{$field->{type}};
        $memory->set($letter ? pack($letter, $values{$_}) : $values{$_}, $field->{offset});
    }
    return $memory;
}

# A field of a struct in memory; the path goes into inner structs: get($info, 'io_info', qw(local port)).
sub get ($memory, $struct, @path) {
    my $offset = 0;
    while (my $field = field($struct, shift @path)) {
        $offset += $field->{offset};
        if (@path) {
            $struct = $field->{type} =~ s/^struct //r;
            next;
        }
        my $bytes  = $memory->bytes($offset, $field->{size});
        my $letter = $PACKED{$field->{type}} or return $bytes;
        return unpack $letter, $bytes;
    }
}

# An answer that is not an error, or an exception that says what went wrong.
sub check ($what, $answer) {
    return $answer if $answer >= 0;
    die sprintf "%s: %s: %s\n", $what,
      map { $ffi->cast(opaque => 'string', $_) } Abio::C::error_name($answer),
      Abio::C::error_text($answer);
}

1;
