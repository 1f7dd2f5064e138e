<?php

declare(strict_types=1);

namespace Abio;

use Amp\Deferred;
use Amp\Loop;
use Amp\Producer;
use Amp\Promise;
use FFI;
use FFI\CData;

/** A driver of abio in Amp's loop: the loop watches its descriptor, operations are promises. */
final class Driver
{
    private const EVENTS = 64;
    /** Rounds of the pump before the rest of the loop has its turn. */
    private const ROUNDS = 16;

    public readonly int $id;
    private readonly CData $events;
    private readonly string $watcher;
    private int $lastToken = 0;
    /** @var array<int, array{Deferred, string, array}> by token; what an operation was lent lives here */
    private array $inFlight = [];
    private ?Deferred $closed = null;

    public function __construct(private readonly Library $abio)
    {
        $out = $abio->new('abio_driver');
        $abio->check('driver_create', $abio->driver_create(null, FFI::addr($out)));
        $this->id = $out->cdata;
        $this->events = $abio->new('struct abio_event[' . self::EVENTS . ']');
        // php://fd opens a duplicate, and closing that leaves the library's own alone.
        $stream = fopen('php://fd/' . $abio->driver_fd($this->id), 'r');
        $this->watcher = Loop::onReadable($stream, function () {
            $this->pump();
        });
    }

    /**
     * Starts a function of the library's, which is given these arguments and a token.
     *
     * Memory among them is kept until the terminal event.  It must be given as it is: a pointer that
     * FFI::addr makes does not keep what it points to, which is enough for structs, as those are copied.
     */
    public function start(string $function, mixed ...$arguments): Operation
    {
        $token = ++$this->lastToken;
        $this->abio->check($function, $this->abio->$function(...[...$arguments, $token]));
        $deferred = new Deferred();
        $this->inFlight[$token] = [$deferred, $function, $arguments];
        return new Operation($this, $deferred->promise(), $token);
    }

    public function cancel(int $token): int
    {
        return $this->abio->check('cancel', $this->abio->cancel($this->id, $token));
    }

    public function inFlight(): int
    {
        return count($this->inFlight);
    }

    /** The lines of a buf_reader, each with its end: `while (yield $lines->advance())`. */
    public function lines(int $reader, int $limit = 4096): Producer
    {
        return new Producer(function (callable $emit) use ($reader, $limit) {
            $buffer = $this->abio->new('abio_buffer');
            $state = $this->abio->struct('buffer_state');
            $this->abio->check('buffer_alloc', $this->abio->buffer_alloc($limit, 0, 0, FFI::addr($buffer)));
            try {
                while ((yield $this->start('read_line', $reader, $buffer->cdata, 0))->result > 0) {
                    $this->abio->buffer_info($buffer->cdata, FFI::addr($state));
                    $line = FFI::string($this->abio->cast('char *', $state->data), $state->filled);
                    $this->abio->buffer_set($buffer->cdata, 0, $state->filled);
                    yield $emit($line);
                }
            } finally {
                $this->abio->buffer_release($buffer->cdata);
            }
        });
    }

    /** The driver's end: everything in flight is cancelled and delivered first. */
    public function close(): Promise
    {
        $this->closed = new Deferred();
        $this->abio->check('driver_shutdown', $this->abio->driver_shutdown($this->id));
        Loop::defer(function () {
            $this->pump();
        });
        return $this->closed->promise();
    }

    /**
     * The one pump.  Rounds are limited, as promises go on inside resolve(): a task that always has
     * more to do would keep the loop.  The descriptor stays readable until a poll has answered 0.
     */
    private function pump(): void
    {
        $stride = FFI::sizeof($this->events[0]);
        for ($round = 0; $round < self::ROUNDS; $round++) {
            $count = $this->abio->driver_poll($this->id, FFI::addr($this->events[0]), $stride, self::EVENTS);
            if ($count <= 0) {
                break;
            }
            for ($i = 0; $i < $count; $i++) {
                // A copy: $this->events[$i] alone is a view of what the next poll overwrites.
                $this->deliver(clone $this->events[$i]);
            }
        }
        if ($this->closed && $this->abio->driver_close($this->id) !== $this->abio->E_BUSY) {
            Loop::cancel($this->watcher);
            [$closed, $this->closed] = [$this->closed, null];
            $closed->resolve();
        }
    }

    private function deliver(CData $event): void
    {
        if ($event->flags & $this->abio->EVENT_MORE || !isset($this->inFlight[$event->token])) {
            return;
        }
        [$deferred, $function] = $this->inFlight[$event->token];
        // What was lent is let go here, before those who wait go on.
        unset($this->inFlight[$event->token]);
        try {
            $this->abio->check($function, $event->result);
        } catch (Failure $failure) {
            $deferred->fail($failure);
            return;
        }
        $deferred->resolve($event);
    }
}
