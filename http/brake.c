#include "config.h"

#include <string.h>
#include <time.h>

#include "brake.h"

#define ACCEPT_AGAIN_MS 50

void brake_mind(const char *fmt)
{
	const struct timespec pause = { .tv_nsec = ACCEPT_AGAIN_MS * 1000000 };

	if (strstr(fmt, "FIRST connection"))
		nanosleep(&pause, NULL);
}
