<?php

declare(strict_types=1);

namespace Abio;

use Amp\Promise;

/** An operation in flight, and the promise of its event. */
final class Operation implements Promise
{
    public function __construct(
        private readonly Driver $driver,
        private readonly Promise $event,
        public readonly int $token,
    ) {
    }

    public function onResolve(callable $onResolved)
    {
        $this->event->onResolve($onResolved);
    }

    /** Asks it to end: the promise fails with E_CANCELED, or brings what came first. */
    public function cancel(): int
    {
        return $this->driver->cancel($this->token);
    }
}
