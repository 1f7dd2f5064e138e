<?php

declare(strict_types=1);

namespace Abio;

use Amp\Deferred;
use Amp\Delayed;
use Amp\Loop;
use Amp\Promise;
use FFI;
use Generator;
use WeakReference;

use function Amp\call;

/**
 * What must be true of any loop that abio lives in: other tasks go on meanwhile, and a cancelled
 * operation ends once, in its event, and loses nothing.
 */
final class Proof
{
    public function __construct(private readonly Library $abio, private readonly Driver $driver)
    {
    }

    private function writeAll(int $io, string $bytes): Promise
    {
        return $this->driver->start('write_all', $io, $this->abio->bytes($bytes), strlen($bytes), 0);
    }

    /** @return array{int, int} */
    private function pipe(): array
    {
        [$reader, $writer] = [$this->abio->new('abio_io'), $this->abio->new('abio_io')];
        $this->abio->check(
            'pipe',
            $this->abio->pipe($this->driver->id, 0, FFI::addr($reader), FFI::addr($writer)),
        );
        return [$reader->cdata, $writer->cdata];
    }

    /**
     * A coroutine on the loop's timers and one that reads by abio: each waits for the other, so the
     * order is given.  And reading lines that are all there already leaves the loop its turns.
     */
    public function ownLoop(callable $readLines): Generator
    {
        [$reader, $writer] = $this->pipe();
        $order = $expected = [];
        $seen = array_map(fn () => new Deferred(), range(1, 5));
        $ticking = call(function () use ($writer, $seen, &$order) {
            foreach ($seen as $n => $deferred) {
                yield new Delayed(1);
                $order[] = "tick $n";
                yield $this->writeAll($writer, 'x');
                yield $deferred->promise();
            }
        });
        $memory = $this->abio->new('uint8_t[16]');
        foreach ($seen as $n => $deferred) {
            yield $this->driver->start('read', $reader, $memory, 16, 0);
            array_push($order, "read $n");
            array_push($expected, "tick $n", "read $n");
            $deferred->resolve();
        }
        yield $ticking;
        Check::that('order', $expected, $order);
        array_map($this->abio->release(...), [$reader, $writer]);

        $turns = 0;
        $watcher = Loop::repeat(0, function () use (&$turns) {
            $turns++;
        });
        yield from $readLines();
        Loop::cancel($watcher);
        Check::that('turns of the loop while lines are read', true, $turns > 100);
        return "yes, Amp's Loop::onReadable";
    }

    /** A pipe whose reader waits, is cancelled, and loses nothing. */
    public function cancel(): Generator
    {
        [$reader, $writer] = $this->pipe();
        $memory = $this->abio->new('uint8_t[64]');
        $lent = WeakReference::create($memory);
        $read = $this->driver->start('read', $reader, $memory, 64, 0);
        unset($memory);
        yield new Delayed(0);
        Check::that('operations in flight', 1, $this->driver->inFlight());
        Check::that('operations asked to end', 1, $read->cancel());
        Check::that('memory is kept before the event', true, $lent->get() !== null);
        try {
            yield $read;
            Check::that('silent read', 'fails', 'succeeds');
        } catch (Failure $failure) {
            Check::that('cancelled read', $this->abio->E_CANCELED, $failure->getCode());
        }
        Check::that('memory is free after the event', null, $lent->get());

        yield $this->writeAll($writer, 'every byte');
        $memory = $this->abio->new('uint8_t[64]');
        $event = yield $this->driver->start('read', $reader, $memory, 64, 0);
        Check::that('the next read', 'every byte', FFI::string($memory, $event->result));
        array_map($this->abio->release(...), [$reader, $writer]);
    }
}
