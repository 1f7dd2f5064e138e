/* Names, texts and classes of codes, from the generated tables. */
#include "errors.h"

#include <stddef.h>

#include "slots.h"

static const struct error_row *find(int32_t code)
{
	for (size_t i = 0; i < sizeof(error_codes) / sizeof(error_codes[0]); i++) {
		if (error_codes[i].code == code)
			return &error_codes[i];
	}
	for (size_t i = 0; i < sizeof(error_system) / sizeof(error_system[0]); i++) {
		if (error_system[i].code == code)
			return &error_system[i];
	}
	return NULL;
}

const char *impl_error_name(int32_t code)
{
	const struct error_row *row = find(code);

	return row == NULL ? "ABIO_UNKNOWN" : row->name;
}

const char *impl_error_text(int32_t code)
{
	const struct error_row *row = find(code);

	if (row != NULL)
		return row->text;
	return code >= 0 ? "no error" : "unknown error";
}

int32_t impl_error_kind(int32_t code)
{
	const struct error_row *row = find(code);

	if (row != NULL)
		return row->kind;
	return code >= 0 ? ABIO_CLASS_NONE : ABIO_CLASS_INPUT_OUTPUT;
}
