<?php

declare(strict_types=1);

namespace Abio;

/** An error of the library's; getCode() is its number. */
final class Failure extends \RuntimeException
{
}
