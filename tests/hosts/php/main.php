<?php

/*
 * abio in PHP: files and sockets in Amp's loop, as coroutines of its.
 *
 *   main.php LIBRARY GENERATED_DIR
 */

declare(strict_types=1);

use Abio\Check;
use Abio\Driver;
use Abio\Library;
use Abio\Manifest;
use Abio\Proof;
use Amp\Promise;

use function Amp\call;

// Debian's autoload.php leaves the functions out, and its Loop needs them at once.
require 'Amp/Internal/functions.php';
require 'Amp/functions.php';
require 'Amp/autoload.php';
spl_autoload_register(function (string $class): void {
    if (str_starts_with($class, 'Abio\\')) {
        require __DIR__ . '/src/' . substr($class, 5) . '.php';
    }
});

const LINES = 10_000;
const CLIENTS = 8;
const TO_THE_END = -1; // 2^64-1: PHP's integers are signed

function text(): string
{
    return implode('', array_map(fn (int $n) => "this is line $n\n", range(1, LINES)));
}

/** What a program does with abio: every method is a coroutine of Amp's. */
final class Program
{
    public function __construct(private readonly Library $abio, private readonly Driver $driver)
    {
    }

    private function open(string $path, int ...$options): Generator
    {
        $options = $this->abio->struct('open_options', ...$options);
        $path = $this->abio->bytes($path);
        $event = yield $this->driver->start(
            'open',
            $this->driver->id,
            $path,
            FFI::sizeof($path),
            FFI::addr($options),
        );
        return $event->handle;
    }

    private function reader(int $io): int
    {
        $reader = $this->abio->new('abio_io');
        $this->abio->check('buf_reader', $this->abio->buf_reader($io, 0, 0, FFI::addr($reader)));
        return $reader->cdata;
    }

    private function writeAll(int $io, string $bytes): Promise
    {
        return $this->driver->start('write_all', $io, $this->abio->bytes($bytes), strlen($bytes), 0);
    }

    private function release(int ...$ios): void
    {
        foreach ($ios as $io) {
            $this->abio->release($io);
        }
    }

    public function files(): Generator
    {
        $abio = $this->abio;
        $text = text();
        $file = yield from $this->open(
            'lines.txt',
            flags: $abio->OPEN_CREATE | $abio->OPEN_TRUNCATE,
            access: $abio->ACCESS_READ | $abio->ACCESS_WRITE,
        );
        $event = yield $this->driver->start('write_at_all', $file, $abio->bytes($text), strlen($text), 0, 0);
        Check::that('bytes written', strlen($text), $event->result);

        $piece = $abio->new('uint8_t[1000]');
        yield $this->driver->start('read_at_exact', $file, $piece, 1000, 5000, 0);
        Check::that('read by offset', substr($text, 5000, 1000), FFI::string($piece, 1000));

        $reader = $this->reader($file);
        $lines = $this->driver->lines($reader);
        [$count, $hash] = [0, hash_init('sha256')];
        while (yield $lines->advance()) {
            $count++;
            hash_update($hash, $lines->getCurrent());
        }
        Check::that('lines read', LINES, $count);
        Check::that('text by lines', hash('sha256', $text), hash_final($hash));
        $this->release($reader, $file);
    }

    /** Serves one connection: "GET name" is answered with the file of that name. */
    private function serve(int $connection): Generator
    {
        $reader = $this->reader($connection);
        $lines = $this->driver->lines($reader);
        yield $lines->advance();
        sscanf($lines->getCurrent(), "GET %s\n", $name);
        $file = yield from $this->open($name);
        yield $this->driver->start('copy', $file, $connection, TO_THE_END, 0);
        yield $this->driver->start('shutdown', $connection, 0);
        $this->release($file, $reader, $connection);
    }

    private function fetch(FFI\CData $address, string $name): Generator
    {
        $event = yield $this->driver->start('connect', $this->driver->id, FFI::addr($address), null);
        $connection = $event->handle;
        yield $this->writeAll($connection, "GET $name\n");
        $memory = $this->abio->new('uint8_t[16384]');
        $hash = hash_init('sha256');
        while ($got = (yield $this->driver->start('read', $connection, $memory, 16384, 0))->result) {
            hash_update($hash, FFI::string($memory, $got));
        }
        $this->release($connection);
        return hash_final($hash);
    }

    public function sockets(): Generator
    {
        $abio = $this->abio;
        $listener = $abio->new('abio_io');
        $address = $abio->struct('address', family: $abio->FAMILY_IPV4, length: 4);
        FFI::memcpy($address->data, "\x7f\0\0\1", 4);
        $abio->check('listen', $abio->listen($this->driver->id, FFI::addr($address), null, FFI::addr($listener)));
        $info = $abio->struct('io_info');
        $abio->check('info', $abio->info($listener->cdata, FFI::addr($info)));

        $clients = $serving = [];
        for ($i = 0; $i < CLIENTS; $i++) {
            $clients[] = call(fn () => $this->fetch($info->local, 'lines.txt'));
        }
        for ($i = 0; $i < CLIENTS; $i++) {
            $event = yield $this->driver->start('accept', $listener->cdata, 0);
            $serving[] = call(fn () => $this->serve($event->handle));
        }
        yield $serving;
        Check::that('digests of the clients', array_fill(0, CLIENTS, hash('sha256', text())), yield $clients);
        $this->release($listener->cdata);
    }
}

[, $path, $generated] = $argv;
Check::part('loads', function () use ($path, $generated, &$abio) {
    $abio = new Library($path, $generated);
    return "yes, libabio $abio->version";
}) || exit(Check::summary());
Check::part('manifest', fn () => (new Manifest($abio, $path, "$generated/conformance.json"))->run());

$driver = new Driver($abio);
$program = new Program($abio, $driver);
$proof = new Proof($abio, $driver);
Check::part('files', fn () => Promise\wait(call([$program, 'files'])));
Check::part('sockets', fn () => Promise\wait(call([$program, 'sockets'])));
Check::part('own loop', fn () => Promise\wait(call([$proof, 'ownLoop'], [$program, 'files'])));
Check::part('cancel', fn () => Promise\wait(call([$proof, 'cancel'])));
Check::that('operations in flight at the end', 0, $driver->inFlight());
Promise\wait($driver->close());
exit(Check::summary());
