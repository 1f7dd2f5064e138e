/*
 * A code in words.
 */
#include <abio.h>
#include <stdio.h>

int main(void)
{
	static const int32_t codes[] = { ABIO_E_BUSY, -2, -123456 };

	for (int i = 0; i < 3; i++)
		printf("%s: %s\n", abio_error_name(codes[i]),
		       abio_error_text(codes[i]));
	return 0;
}
