/*
 * Standard input, whatever it is; the program's own descriptor
 * stays as it is.
 */
#include <abio.h>
#include <unistd.h>

int32_t open_input(abio_driver driver, abio_io *input)
{
	return abio_adopt(driver, STDIN_FILENO, ABIO_KIND_AUTO,
			  ABIO_ADOPT_DUPLICATE, input);
}
