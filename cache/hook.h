/* hook: the program of `on_complete`, run once for each file that becomes
 * complete.
 *
 * A file is complete when its record says so, durably. Before that is written the
 * file is noted in the text file "hooks" of the cache folder, and it is struck off
 * when the program has been started: whom a crash comes between, the next daemon
 * runs it. (A crash in the instant of the start may have it run twice.) A file
 * that was complete before, or while no program was set, is none of them.
 *
 *   spoolfs-hooks 1                                 the version of the format
 *   00c0ffee00c0ffee https://example.com/film.mp4   a generation, its URL
 *
 * PROGRAM PATH URL: the data file and the key of the URL (url.h), what the cache
 * knows it by; no shell. In its environment PATH, HOME, USER and LANG as ours,
 * SPOOLFS_PATH, and SPOOLFS_URL, all of the URL as it was asked for: that others
 * can't see. Standard input is /dev/null, what it prints goes to the log, line by
 * line, its working folder is /, it is in a process group of its own and has no
 * other descriptors. SIGPIPE is ignored, as in services of systemd.
 *
 * HOOKS_AT_ONCE run at once, the others wait. A program may take as long as it
 * likes: nothing waits for it. One that still runs when the cache stops goes on;
 * nobody hears what it prints then.
 */
#ifndef SPOOL_HOOK_H
#define SPOOL_HOOK_H

#include <stdbool.h>
#include <stdint.h>

#define HOOKS_FILE "hooks"
#define HOOKS_AT_ONCE 2
#define HOOKS_MAX 10000		/* waiting; more are not run */

struct cache;
struct entry;
struct hooks;

/* With the cache otherwise started. 0 or -errno. */
int hooks_start(struct cache *c, struct hooks **out);
/* What has not been started stays noted. Idempotent; NULL is fine. */
void hooks_stop(struct hooks *h);
void hooks_free(struct hooks *h);

/* e is about to be complete on disk. False: there is nothing to run. May wait for
 * the disk; no lock held but e's save lock. */
bool hooks_note(struct hooks *h, const struct entry *e, uint64_t generation);
/* Now it is (good), or that could not be written. */
void hooks_settle(struct hooks *h, uint64_t generation, bool good);

#endif
