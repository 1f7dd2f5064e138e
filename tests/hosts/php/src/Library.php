<?php

declare(strict_types=1);

namespace Abio;

use FFI;
use FFI\CData;

/**
 * The library: its types, its constants and, as methods, the functions of the root table.
 *
 * $abio->read(...) calls the pointer `read` of the table.  Pointers to structs are FFI::addr($struct).
 */
final class Library
{
    private readonly FFI $ffi;
    private readonly CData $api;
    public readonly string $version;

    /** Opens the library and refuses one that is older than abio.cdef and abio.json. */
    public function __construct(string $path, string $generated)
    {
        $json = json_decode(file_get_contents("$generated/abio.json"), true, flags: JSON_THROW_ON_ERROR);
        $wanted = $json['description']['abi'];
        // FFI::cdef looks every declared function up; one symbol is all that a library must show.
        $declarations = preg_replace(
            '/^(?!.*\babio_api\()\w.*\);$/m',
            '',
            file_get_contents("$generated/abio.cdef"),
        );
        $this->ffi = FFI::cdef($declarations, $path);
        $api = $this->ffi->abio_api($wanted['major'])
            ?? throw new \RuntimeException("$path does not speak major version {$wanted['major']} of abio");
        $head = $api->head;
        if (
            $head->major !== $wanted['major'] || $head->minor < $wanted['minor'] || $head->trait !== 0
            || $head->size < FFI::sizeof($api[0])
        ) {
            throw new \RuntimeException(
                "$path is abio $head->major.$head->minor, older than the {$wanted['version']} this program needs",
            );
        }
        $this->api = $api;
        $abi = $this->struct('abi');
        $this->check('abio_abi_info', $this->abi_info(FFI::addr($abi)));
        if ($head->minor === $wanted['minor'] && bin2hex(FFI::string($abi->hash, 32)) !== $json['sha256']) {
            throw new \RuntimeException("$path was built from another description than abio {$wanted['version']}");
        }
        $this->version = "$abi->major.$abi->minor.$abi->patch";
    }

    public function __call(string $function, array $arguments): mixed
    {
        // Not $this->api->$function(...): that would be a method, and C data has none.
        return ($this->api->$function)(...$arguments);
    }

    /** $abio->E_BUSY is the constant ABIO_E_BUSY. */
    public function __get(string $constant): int
    {
        return $this->ffi->{"ABIO_$constant"};
    }

    /** Memory that is freed with the last reference to what this returns. */
    public function new(string $type): CData
    {
        return $this->ffi->new($type);
    }

    public function cast(string $type, CData|int $pointer): CData
    {
        return $this->ffi->cast($type, $pointer);
    }

    /** A struct with its size set, if it has one, and the fields that are given. */
    public function struct(string $name, int ...$fields): CData
    {
        $struct = $this->ffi->new("struct abio_$name");
        $struct->size = FFI::sizeof($struct);
        foreach ($fields as $field => $value) {
            $struct->$field = $value;
        }
        return $struct;
    }

    /** Memory with a copy of these bytes: a PHP string is lent for the length of a call only. */
    public function bytes(string $bytes): CData
    {
        $memory = $this->ffi->new('uint8_t[' . max(1, strlen($bytes)) . ']');
        FFI::memcpy($memory, $bytes, strlen($bytes));
        return $memory;
    }

    /** An answer that is not an error, or an exception whose code is the error's. */
    public function check(string $what, int $answer): int
    {
        if ($answer >= 0) {
            return $answer;
        }
        [$name, $text] = [$this->error_name($answer), $this->error_text($answer)];
        throw new Failure("$what: $name: $text", $answer);
    }
}
