//go:build linux && cgo

package malloc

// XLA allocates the temporary memory of a graph again in every run. glibc maps blocks of more than
// 32 MiB from the kernel and returns them when they are freed. So each training step of a LeNet-5
// met 24,000 page faults, a third of its time. The settings below make malloc keep what it has; the
// price is that memory once used stays with the process. All three are needed, because arenas of
// other threads are mapped and unmapped too. A constructor sets them, which runs before Go and
// before a second thread can have an arena. If the user tunes malloc through the environment, we
// leave it alone; GSM_MALLOC=system turns this off.

/*
#include <stdlib.h>
#include <string.h>
#include <malloc.h>

#ifdef __GLIBC__
extern char **environ;

static int gsm_malloc_keeps;

__attribute__((constructor)) static void gsm_keep_memory(void) {
	const char *own = getenv("GSM_MALLOC");
	if (own && strcmp(own, "system") == 0)
		return;
	for (char **e = environ; e && *e; e++)
		if (strncmp(*e, "MALLOC_", 7) == 0 || strncmp(*e, "GLIBC_TUNABLES=", 15) == 0)
			return;
	gsm_malloc_keeps = mallopt(M_MMAP_MAX, 0) && mallopt(M_TRIM_THRESHOLD, -1) && mallopt(M_ARENA_MAX, 1);
}
enum { gsm_is_glibc = 1 };
#else
static int gsm_malloc_keeps = 0;
enum { gsm_is_glibc = 0 };
#endif

static int gsm_keeps(void) { return gsm_malloc_keeps; }
*/
import "C"

// Keeps reports whether C's malloc was told to keep freed memory.
func Keeps() bool { return C.gsm_keeps() != 0 }

// Tunable says whether the C library is glibc, the only one we tune.
const Tunable = C.gsm_is_glibc == 1
