<?php

declare(strict_types=1);

namespace Abio;

use FFI;
use FFI\CData;

/**
 * Runs conformance.json: for every row a fresh set of handles, one call, and what must come of it.
 *
 * Nothing here knows abio but for how a driver is waited on and ended; what a function is and where
 * in the root table it stands is all in the file.
 */
final class Manifest
{
    private const C_TYPES = [
        'u64' => 'uint64_t', 'i64' => 'int64_t', 'u32' => 'uint32_t', 'i32' => 'int32_t', 'ptr' => 'void *',
    ];

    private readonly array $manifest;
    private readonly FFI $ffi;
    /** @var array<string, CData> function pointers by name */
    private array $functions = [];
    // Of the row that is run: handles by name, memory that was given a name, and all memory.
    private array $kept;
    private array $named;
    private array $memory;

    public function __construct(private readonly Library $abio, string $library, string $path)
    {
        $this->manifest = json_decode(file_get_contents($path), true, flags: JSON_THROW_ON_ERROR);
        $this->ffi = FFI::cdef('void *abio_api(uint32_t);', $library);
        $table = $this->ffi->cast('char *', $this->ffi->abio_api(0));
        foreach ($this->manifest['functions'] as $name => $function) {
            $types = array_map(fn (string $type) => self::C_TYPES[$type], $function['types']);
            $result = self::C_TYPES[$function['result']];
            $pointer = "$result (**)(" . implode(', ', $types) . ')';
            $this->functions[$name] = $function['offset']
                ? $this->ffi->cast($pointer, FFI::addr($table[$function['offset']]))[0]
                : $this->ffi->abio_api;
        }
    }

    /** Runs the rows and gives what is to be said of it; PHP as distributed has no threads. */
    public function run(): string
    {
        [$run, $failed, $leftOut] = [0, 0, 0];
        foreach ($this->manifest['rows'] as $row) {
            if ($row['where'] === 'thread') {
                $leftOut++;
                continue;
            }
            [$this->kept, $this->named, $this->memory] = [[], [], []];
            array_map($this->make(...), $row['needs']);
            [$arguments, $keep] = $this->arguments($row['arguments']);
            $call = fn () => $this->judge($row, $this->call($row['function'], $arguments));
            [$expected, $got] = $row['where'] === 'child' ? $this->inChild($call) : $call();
            $failed += Check::that("{$row['function']} {$row['case']}", $expected, $got) ? 0 : 1;
            $this->keep($keep);
            $this->end();
            $run++;
        }
        return "$run rows run, $failed failed; left out: $leftOut rows on another thread (PHP has no threads)";
    }

    private function call(string $name, array $arguments): mixed
    {
        foreach ($this->manifest['functions'][$name]['types'] as $i => $type) {
            // FFI takes NULL for a pointer, but no 0.
            $arguments[$i] = $type === 'ptr' && $arguments[$i] === 0 ? null : $arguments[$i];
        }
        return ($this->functions[$name])(...$arguments);
    }

    /** What was expected of a row, and what came. */
    private function judge(array $row, CData|int|null $answer): array
    {
        if (isset($row['null'])) {
            return [null, $answer];
        }
        if (isset($row['text'])) {
            return [$row['text'], FFI::string($this->ffi->cast('char *', $answer))];
        }
        if (isset($row['head'])) {
            $words = $this->ffi->cast('uint32_t *', $answer);
            return [$row['head'], ['size' => min($words[0], $row['head']['size']), 'trait' => $words[2]]];
        }
        return $row['refused'] ? [$row['code'], $answer] : [true, $answer !== $row['code']];
    }

    /** The child says through a socket what came. */
    private function inChild(callable $call): array
    {
        [$ours, $theirs] = stream_socket_pair(STREAM_PF_UNIX, STREAM_SOCK_STREAM, 0);
        $child = pcntl_fork();
        if ($child === 0) {
            fwrite($theirs, json_encode($call()));
            // As _exit would: exit() runs the destructors of what is the parent's.
            posix_kill(posix_getpid(), SIGKILL);
        }
        fclose($theirs);
        $said = json_decode(stream_get_contents($ours));
        pcntl_waitpid($child, $status);
        return $said ?? ['an answer', 'a dead child'];
    }

    private function make(string $name): void
    {
        if (isset($this->kept[$name])) {
            return;
        }
        $recipe = $this->manifest['recipes'][$name];
        array_map($this->make(...), $recipe['needs']);
        foreach ($recipe['steps'] as $step) {
            if (isset($step['finish'])) {
                $handle = $this->finish($this->kept[$step['finish']], $step['token']);
                if (isset($step['as'])) {
                    $this->kept[$step['as']] = $handle;
                }
                continue;
            }
            [$arguments, $keep] = $this->arguments($step['arguments']);
            $this->abio->check("$name: {$step['call']}", $this->call($step['call'], $arguments));
            $this->keep($keep);
        }
    }

    /** Waits for the terminal event of a token and gives its handle. */
    private function finish(int $driver, int $token): int
    {
        $event = $this->abio->new('struct abio_event');
        do {
            $count = $this->abio->driver_wait($driver, FFI::addr($event), FFI::sizeof($event), 1, -1);
            if ($this->abio->check('driver_wait', $count) === 0) {
                throw new \RuntimeException("the driver has no event of token $token");
            }
        } while ($event->token !== $token || $event->flags & $this->abio->EVENT_MORE);
        $this->abio->check('finish', $event->result);
        return $event->handle;
    }

    /** The arguments as FFI takes them, and the memory whose first word is a handle after the call. */
    private function arguments(array $specs): array
    {
        [$arguments, $keep] = [[], []];
        foreach ($specs as $spec) {
            $arguments[] = match (true) {
                is_array($spec) => $this->pointer($spec, $keep),
                is_string($spec) => $this->kept[$spec],
                default => $spec,
            };
        }
        return [$arguments, $keep];
    }

    private function keep(array $memory): void
    {
        foreach ($memory as $name => $bytes) {
            $this->kept[$name] = $this->ffi->cast('uint64_t *', FFI::addr($bytes))[0];
        }
    }

    private function pointer(array $spec, array &$keep): CData
    {
        if (isset($spec['inside'])) {
            return $this->ffi->cast('void *', FFI::addr($this->named[$spec['inside']][$spec['offset']]));
        }
        $memory = $this->memory[] = $this->ffi->new("uint8_t[{$spec['memory']}]");
        foreach ($spec['u32'] ?? [] as [$offset, $value]) {
            FFI::memcpy(FFI::addr($memory[$offset]), pack('V', $value), 4);
        }
        foreach ($spec['text'] ?? [] as [$offset, $text]) {
            FFI::memcpy(FFI::addr($memory[$offset]), $text, strlen($text));
        }
        foreach ($spec['points'] ?? [] as [$offset, $inner]) {
            $this->ffi->cast('void **', FFI::addr($memory[$offset]))[0] = $this->pointer($inner, $keep);
        }
        if (isset($spec['as'])) {
            $this->named[$spec['as']] = $memory;
        }
        if (isset($spec['keep'])) {
            $keep[$spec['keep']] = $memory;
        }
        return $this->ffi->cast('void *', FFI::addr($memory));
    }

    /** Drivers first: what they hold ends with them, and then the memory may go. */
    private function end(): void
    {
        $kinds = $this->manifest['kinds'];
        $event = $this->abio->new('struct abio_event');
        foreach ($this->kept as $name => $handle) {
            if ($kinds[$name] === 'driver') {
                $this->abio->driver_shutdown($handle);
                while ($this->abio->driver_close($handle) === $this->abio->E_BUSY) {
                    $this->abio->driver_wait($handle, FFI::addr($event), FFI::sizeof($event), 1, -1);
                }
            }
        }
        foreach ($this->kept as $name => $handle) {
            $release = ['io' => 'release', 'buffer' => 'buffer_release'][$kinds[$name]] ?? null;
            for ($i = 0; $release && $i < 8 && $this->abio->$release($handle) >= 0; $i++) {
            }
        }
    }
}
