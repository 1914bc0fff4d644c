#include "config.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "ctl.h"
#include "ctl_call.h"
#include "look.h"

#define TICK_MS 250

/* An address of any name does: curl sends it as Host, and connects elsewhere. */
#define BASE "http://spoolfs"

struct ctl_client {
	char *socket;
	int folder;		/* of a socket with a long path, else -1 */
	CURL *curl;
};

struct text {
	char *p;
	size_t len;
};

/* ---- the client -------------------------------------------------------------------- */

/* An address has room for 107 bytes of path: a longer one is reached through a
 * descriptor of its folder. */
static int shorten(struct ctl_client *client)
{
	char *slash = strrchr(client->socket, '/'), *path;

	if (strlen(client->socket) < sizeof(((struct sockaddr_un *)0)->sun_path)
	    || !slash)
		return 0;
	*slash = '\0';
	client->folder = open(client->socket, O_PATH | O_DIRECTORY | O_CLOEXEC);
	*slash = '/';
	if (client->folder < 0)
		return -errno;
	if (asprintf(&path, "/proc/self/fd/%d%s", client->folder, slash) < 0)
		return -ENOMEM;
	free(client->socket);
	client->socket = path;
	return 0;
}

int ctl_client_open(const char *cache_dir, struct ctl_client **out)
{
	struct ctl_client *client = calloc(1, sizeof(*client));
	char *pid;
	int rc;

	if (!client)
		return -ENOMEM;
	client->folder = -1;
	client->socket = look_daemon(cache_dir, "control");
	if (!client->socket) {
		pid = look_daemon(cache_dir, "pid");
		rc = pid ? -ENOTSUP : -ESRCH;
		free(pid);
		goto out;
	}
	rc = shorten(client);
	if (rc == 0 && !(client->curl = curl_easy_init()))
		rc = -ENOMEM;
out:
	if (rc < 0)
		ctl_client_close(client);
	else
		*out = client;
	return rc;
}

void ctl_client_close(struct ctl_client *client)
{
	if (!client)
		return;
	curl_easy_cleanup(client->curl);
	if (client->folder >= 0)
		close(client->folder);
	free(client->socket);
	free(client);
}

struct ctl_client *ctl_client_need(const char *cache_dir)
{
	struct ctl_client *client;
	int rc = ctl_client_open(cache_dir, &client);

	if (rc == 0)
		return client;
	if (rc == -ESRCH)
		ctl_complain("this needs a running spoolfs, and none has %s",
			     cache_dir);
	else if (rc == -ENOTSUP)
		ctl_complain("the spoolfs that has %s has no control socket",
			     cache_dir);
	else
		ctl_complain("%s", strerror(-rc));
	return NULL;
}

/* ---- answers ------------------------------------------------------------------------- */

void ctl_reply_fini(struct ctl_reply *r)
{
	json_decref(r->body);
	*r = (struct ctl_reply){ 0 };
}

const char *ctl_reply_error(const struct ctl_reply *r)
{
	const char *error = ctl_text(r->body, "error");

	if (r->status >= 200 && r->status < 300)
		return NULL;
	return error ? error : "refused";
}

static size_t collect(char *data, size_t size, size_t n, void *ctx)
{
	struct text *t = ctx;
	char *p = realloc(t->p, t->len + size * n + 1);

	if (!p)
		return CURL_WRITEFUNC_ERROR;
	memcpy(p + t->len, data, size * n);
	t->p = p;
	t->len += size * n;
	return size * n;
}

static int take_reply(CURL *curl, CURLcode code, const struct text *t,
		      struct ctl_reply *out)
{
	*out = (struct ctl_reply){ 0 };
	if (code == CURLE_OUT_OF_MEMORY || code == CURLE_WRITE_ERROR)
		return -ENOMEM;
	if (code != CURLE_OK)
		return -ENOTCONN;
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &out->status);
	if (t->len > 0)
		out->body = json_loadb(t->p, t->len, 0, NULL);
	return 0;
}

/* ---- requests ------------------------------------------------------------------------ */

/* A request of a method on a path; what the caller gets from curl goes to t.
 * body is kept by the caller until it is over. */
static void set_up(CURL *curl, const struct ctl_client *client,
		   const char *method, const char *url, const char *body)
{
	curl_easy_reset(curl);
	curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, client->socket);
	curl_easy_setopt(curl, CURLOPT_PROXY, "");
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_URL, url);
	if (strcmp(method, "POST") == 0) {
		curl_easy_setopt(curl, CURLOPT_POST, 1L);
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body ? body : "");
	} else if (strcmp(method, "GET") != 0) {
		curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
	}
}

int ctl_ask(struct ctl_client *client, const char *method, const char *path,
	    const json_t *body, struct ctl_reply *out)
{
	char *text = body ? json_dumps(body, JSON_COMPACT) : NULL, *url = NULL;
	struct text t = { 0 };
	int rc = -ENOMEM;

	if (asprintf(&url, BASE "%s", path) < 0)
		url = NULL;
	if (url && (text || !body)) {
		set_up(client->curl, client, method, url, text);
		curl_easy_setopt(client->curl, CURLOPT_WRITEFUNCTION, collect);
		curl_easy_setopt(client->curl, CURLOPT_WRITEDATA, &t);
		rc = take_reply(client->curl, curl_easy_perform(client->curl),
				&t, out);
	}
	free(t.p);
	free(url);
	free(text);
	return rc;
}

char *ctl_query(const char *path, const char *name, const char *value)
{
	char *escaped = curl_easy_escape(NULL, value, 0), *out = NULL;

	if (escaped && asprintf(&out, "%s?%s=%s", path, name, escaped) < 0)
		out = NULL;
	curl_free(escaped);
	return out;
}

/* ---- many at once ----------------------------------------------------------------------- */

/* What one of them needs while it is under way. */
struct flight {
	CURL *curl;
	struct ctl_job *job;	/* NULL: free */
	char *body;
	struct text text;
};

struct fleet {
	struct ctl_client *client;
	CURLM *multi;
	char *url;
	struct flight *flights;
	size_t window, busy;
	void (*on_done)(void *ctx, struct ctl_job *job);
	void *ctx;
};

static int launch(struct fleet *fleet, struct ctl_job *job)
{
	struct flight *f = fleet->flights;

	while (f->job)
		f++;
	if (!f->curl && !(f->curl = curl_easy_init()))
		return -ENOMEM;
	f->body = json_dumps(job->body, JSON_COMPACT);
	if (!f->body)
		return -ENOMEM;
	f->job = job;
	job->begun = true;
	set_up(f->curl, fleet->client, "POST", fleet->url, f->body);
	curl_easy_setopt(f->curl, CURLOPT_WRITEFUNCTION, collect);
	curl_easy_setopt(f->curl, CURLOPT_WRITEDATA, &f->text);
	curl_easy_setopt(f->curl, CURLOPT_PRIVATE, f);
	fleet->busy++;
	return curl_multi_add_handle(fleet->multi, f->curl) == CURLM_OK
	       ? 0 : -ENOMEM;
}

static void land(struct fleet *fleet, struct flight *f, CURLcode code)
{
	struct ctl_job *job = f->job;

	curl_multi_remove_handle(fleet->multi, f->curl);
	job->rc = take_reply(f->curl, code, &f->text, &job->reply);
	job->done = true;
	free(f->body);
	free(f->text.p);
	f->body = NULL;
	f->text = (struct text){ 0 };
	f->job = NULL;
	fleet->busy--;
	fleet->on_done(fleet->ctx, job);
}

static void land_all(struct fleet *fleet)
{
	const CURLMsg *msg;
	struct flight *f;
	int left;

	while ((msg = curl_multi_info_read(fleet->multi, &left)))
		if (msg->msg == CURLMSG_DONE &&
		    curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE,
				      (char **)&f) == CURLE_OK)
			land(fleet, f, msg->data.result);
}

static int fly(struct fleet *fleet, struct ctl_job *jobs, size_t n,
	       bool (*tick)(void *ctx))
{
	size_t next = 0;
	int running, rc;

	while (next < n || fleet->busy > 0) {
		while (next < n && fleet->busy < fleet->window) {
			rc = launch(fleet, &jobs[next++]);
			if (rc < 0)
				return rc;
		}
		if (curl_multi_perform(fleet->multi, &running) != CURLM_OK)
			return -ENOMEM;
		land_all(fleet);
		if (tick(fleet->ctx))
			break;
		if (fleet->busy > 0 && curl_multi_poll(fleet->multi, NULL, 0,
						       TICK_MS, NULL) != CURLM_OK)
			return -ENOMEM;
	}
	return 0;
}

int ctl_ask_all(struct ctl_client *client, const char *path,
		struct ctl_job *jobs, size_t n, size_t window,
		bool (*tick)(void *ctx),
		void (*on_done)(void *ctx, struct ctl_job *job), void *ctx)
{
	struct fleet fleet = { .client = client, .window = window,
			       .on_done = on_done, .ctx = ctx };
	int rc = -ENOMEM;

	fleet.flights = calloc(window, sizeof(*fleet.flights));
	fleet.multi = curl_multi_init();
	if (asprintf(&fleet.url, BASE "%s", path) < 0)
		fleet.url = NULL;
	if (fleet.flights && fleet.multi && fleet.url)
		rc = fly(&fleet, jobs, n, tick);
	for (size_t i = 0; fleet.flights && i < window; i++) {
		struct flight *f = &fleet.flights[i];

		if (f->job)
			curl_multi_remove_handle(fleet.multi, f->curl);
		curl_easy_cleanup(f->curl);
		free(f->body);
		free(f->text.p);
	}
	curl_multi_cleanup(fleet.multi);
	free(fleet.flights);
	free(fleet.url);
	return rc;
}

/* ---- without an end ----------------------------------------------------------------------- */

struct lines {
	struct text text;
	int (*fn)(void *ctx, const char *line);
	void *ctx;
	int rc;
};

static size_t cut_lines(char *data, size_t size, size_t n, void *ctx)
{
	struct lines *l = ctx;
	size_t used = 0;
	char *end;

	if (collect(data, size, n, &l->text) != size * n) {
		l->rc = -ENOMEM;
		return CURL_WRITEFUNC_ERROR;
	}
	while ((end = memchr(l->text.p + used, '\n', l->text.len - used))) {
		*end = '\0';
		l->rc = l->fn(l->ctx, l->text.p + used);
		used = (size_t)(end - l->text.p) + 1;
		if (l->rc)
			return CURL_WRITEFUNC_ERROR;
	}
	l->text.len -= used;
	memmove(l->text.p, l->text.p + used, l->text.len);
	return size * n;
}

int ctl_stream(struct ctl_client *client, const char *path,
	       int (*fn)(void *ctx, const char *line), void *ctx)
{
	struct lines l = { .fn = fn, .ctx = ctx };
	CURLcode code;
	char *url;

	if (asprintf(&url, BASE "%s", path) < 0)
		return -ENOMEM;
	set_up(client->curl, client, "GET", url, NULL);
	curl_easy_setopt(client->curl, CURLOPT_FAILONERROR, 1L);
	curl_easy_setopt(client->curl, CURLOPT_WRITEFUNCTION, cut_lines);
	curl_easy_setopt(client->curl, CURLOPT_WRITEDATA, &l);
	code = curl_easy_perform(client->curl);
	free(l.text.p);
	free(url);
	if (l.rc)
		return l.rc;
	if (code == CURLE_HTTP_RETURNED_ERROR)
		return -EBADMSG;
	return code == CURLE_OK ? 0 : -ENOTCONN;
}
