<?php

declare(strict_types=1);

namespace Abio;

/** Counts what is as it should be, and prints a line for each part of the program. */
final class Check
{
    private static int $passed = 0;
    private static int $failed = 0;

    public static function that(string $what, mixed $expected, mixed $got): bool
    {
        if ($expected === $got) {
            self::$passed++;
            return true;
        }
        self::$failed++;
        [$expected, $got] = array_map(fn ($it) => json_encode($it, JSON_UNESCAPED_SLASHES), [$expected, $got]);
        fwrite(STDERR, "FAILED $what: expected $expected, got $got\n");
        return false;
    }

    /** Prints a line of the table; a part may answer what stands there instead of "yes". */
    public static function part(string $name, callable $run): bool
    {
        $before = self::$failed;
        try {
            $value = $run() ?? 'yes';
            if (self::$failed > $before) {
                $value = preg_replace('/^yes.*/', 'no: ' . (self::$failed - $before) . ' failed', $value);
            }
        } catch (\Throwable $error) {
            self::that($name, 'no exception', $error->getMessage());
            $value = 'no: ' . $error->getMessage();
        }
        echo "$name: $value\n";
        return self::$failed === $before;
    }

    /** Prints the last line; what it gives is the exit status. */
    public static function summary(): int
    {
        echo self::$passed . ' passed, ' . self::$failed . " failed\n";
        return self::$failed ? 1 : 0;
    }
}
