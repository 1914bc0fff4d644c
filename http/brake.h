/* brake: a pause where libmicrohttpd would turn without one.
 *
 * A thread of it that has no connection and can't accept its first one for want
 * of a descriptor tries again without end. It says so each time, in this
 * thread, which has nothing else to do: whoever hears its log hands on what is
 * said.
 */
#ifndef SPOOL_HTTP_BRAKE_H
#define SPOOL_HTTP_BRAKE_H

/* fmt: of a message of libmicrohttpd's. May sleep for some ms. */
void brake_mind(const char *fmt);

#endif
