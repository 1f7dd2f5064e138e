# abio in Perl: files and sockets in IO::Async's own loop, by Future::AsyncAwait.
#
#   main.pl LIBRARY GENERATED_DIR

use v5.36;
use Future::AsyncAwait;
use Digest::SHA qw(sha256_hex);
use IO::Async::Loop;
use Abio;
use Abio::Buffer;
use Abio::Driver;
use Abio::Manifest;
use Check qw(check part summary);
use Proof;

use constant {LINES => 10_000, CLIENTS => 8, TO_THE_END => ~0};

my ($library, $generated) = @ARGV;
my $text = join '', map { "this is line $_\n" } 1 .. LINES;

async sub open_file ($driver, $path, %options) {
    my $memory  = Abio::Memory->of($path);
    my $options = Abio::new_struct('open_options', %options);
    return (await $driver->start(open => $driver, $memory, length $path, $options))->{handle};
}

sub buf_reader ($io) {
    my $out = Abio::Memory->new(8);
    Abio::check(buf_reader => Abio::C::buf_reader($io, 0, 0, $out->address));
    return unpack 'Q', $out->bytes;
}

async sub files ($driver) {
    my $file = await open_file(
        $driver, 'lines.txt',
        flags  => Abio::constant('OPEN_CREATE') | Abio::constant('OPEN_TRUNCATE'),
        access => Abio::constant('ACCESS_READ') | Abio::constant('ACCESS_WRITE')
    );
    my $memory = Abio::Memory->of($text);
    my $event  = await $driver->start(write_at_all => $file, $memory, $memory->size, 0, 0);
    check('bytes written', length $text, $event->{result});

    my $piece = Abio::Memory->new(1000);
    await $driver->start(read_at_exact => $file, $piece, $piece->size, 5000, 0);
    check('read by offset', substr($text, 5000, 1000), $piece->bytes);

    my ($reader, $line) = (buf_reader($file), Abio::Buffer->new(1024));
    my @lines;
    while ((await $driver->start(read_line => $reader, $line, 0))->{result}) {
        push @lines, $line->take;
    }
    check('lines read',    LINES,             scalar @lines);
    check('text by lines', sha256_hex($text), sha256_hex(join '', @lines));
    Abio::C::release($_) for $reader, $file;
    return;
}

sub listen_local ($driver) {
    my $address = Abio::new_struct(
        'address',
        family => Abio::constant('FAMILY_IPV4'),
        length => 4,
        data   => pack('C4', 127, 0, 0, 1)
    );
    my $out = Abio::Memory->new(8);
    Abio::check(listen => Abio::C::listen($driver->id, $address->address, undef, $out->address));
    my $listener = unpack 'Q', $out->bytes;
    my $info     = Abio::new_struct('io_info');
    Abio::check(info => Abio::C::info($listener, $info->address));
    my $port = Abio::get($info, 'io_info', qw(local port));
    $address->set(pack('L', $port), Abio::field('address', 'port')->{offset});
    return ($listener, $address);
}

# Serves one connection: "GET name" is answered with the file of that name.
async sub serve ($driver, $connection) {
    my ($reader, $line) = (buf_reader($connection), Abio::Buffer->new(1024));
    await $driver->start(read_line => $reader, $line, 0);
    my ($name) = $line->take =~ /^GET (\S+)\n\z/ or die "not a request\n";
    my $file = await open_file($driver, $name);
    await $driver->start(copy => $file, $connection, TO_THE_END, 0);
    await $driver->start(shutdown => $connection, 0);
    Abio::C::release($_) for $file, $reader, $connection;
    return;
}

async sub fetch ($driver, $address, $name) {
    my $connection = (await $driver->start(connect => $driver, $address, undef))->{handle};
    my $request    = Abio::Memory->of("GET $name\n");
    await $driver->start(write_all => $connection, $request, $request->size, 0);
    my ($memory, $digest) = (Abio::Memory->new(16384), Digest::SHA->new(256));
    while (my $got =
        (await $driver->start(read => $connection, $memory, $memory->size, 0))->{result})
    {
        $digest->add($memory->bytes(0, $got));
    }
    Abio::C::release($connection);
    return $digest->hexdigest;
}

async sub sockets ($driver) {
    my ($listener, $address) = listen_local($driver);
    my @clients = map { fetch($driver, $address, 'lines.txt') } 1 .. CLIENTS;
    my @serving;
    while (@serving < CLIENTS) {
        my $accepted = await $driver->start(accept => $listener, 0);
        push @serving, serve($driver, $accepted->{handle});
    }
    my @digests = await Future->needs_all(@clients, @serving);
    my $right   = grep { $_ eq sha256_hex($text) } @digests;
    check('clients that got the file', CLIENTS, $right);
    Abio::C::release($listener);
    return;
}

part(loads    => sub { 'yes, libabio ' . Abio::load($library, $generated) }) or exit summary();
part(manifest => sub { Abio::Manifest::run("$generated/conformance.json") });

# Not before the manifest: its thread would be given a copy of the loop, which not every loop survives.
my $loop   = IO::Async::Loop->new;
my $driver = Abio::Driver->new($loop);
part(files      => sub { files($driver)->get });
part(sockets    => sub { sockets($driver)->get });
part('own loop' => sub { Proof::own_loop($driver, $loop, \&files)->get });
part(cancel     => sub { Proof::cancel($driver, $loop)->get });
check('operations in flight at the end', 0, $driver->in_flight);
$driver->close->get;
exit summary();
