/* Who may ask. Lines: Host, the target's name, Origin, Sec-Fetch-Site, Referer,
 * Authorization, Access-Control-Request-Headers; "-" is none. */
#include "config.h"

#include <strings.h>

#include "cache/conf.h"
#include "http/access.h"
#include "http/target.h"
#include "tests/fuzz/fuzz.h"

#define TOKEN "a-token_of~32-characters-or-so-x"
#define APP "https://app.example"

static const struct peer peer = { .kind = PEER_USER, .uid = 1,
				  .reached = "192.168.1.5" };

static void make_settings(struct conf *plain, struct conf *listed)
{
	char *error;

	must(conf_init(plain) == 0 && conf_init(listed) == 0);
	must(conf_set(listed, "allow_origin", APP, &error) == 0);
	listed->token = strdup(TOKEN);
	must(listed->token);
}

static const char *field(const char *line)
{
	return strcmp(line, "-") == 0 ? NULL : line;
}

static void check_host(const char *field)
{
	char host[TARGET_HOST_MAX];

	must(target_host(field, strlen(field), host) == 0);
	must(target_is_loopback(host) ||
	     target_same_address(host, "192.168.1.5"));
}

/* Nobody but the user himself and our own pages, at a name of ours. */
static void check_plain(const struct access_request *q,
			const struct conf *conf)
{
	struct access_verdict v = access_decide(q, conf);

	must(!v.allow_origin && !v.vary && !v.preflight);
	must(v.status == 0 || v.status == 400 || v.status == 403);
	must((v.status == 0) == (*v.text == '\0'));
	if (v.status)
		return;
	check_host(q->host);
	must(!q->site || !strcasecmp(q->site, "none") ||
	     !strcasecmp(q->site, "same-origin"));
	must(!q->origin || (!strncasecmp(q->origin, "http://", 7) &&
			    !strcasecmp(q->origin + 7, q->host)));
}

static void check_listed(struct access_request *q, const struct conf *conf)
{
	struct access_verdict v = access_decide(q, conf);

	must(v.vary && !v.preflight);
	must(!v.allow_origin || !strcasecmp(v.allow_origin, APP));
	must(v.status != 0 || q->token);
	if (v.status == 0 && q->site && !strcasecmp(q->site, "cross-site"))
		must(v.allow_origin || (!q->origin && q->referer &&
		     !strncasecmp(q->referer, APP, strlen(APP))));
	q->method = "OPTIONS";
	q->asks_method = "GET";
	v = access_decide(q, conf);
	must(v.status != 0 && v.status != 401);
	must(v.preflight == (v.status == 204 && v.allow_origin));
}

static void check_token(const char *name, const char *authorization)
{
	size_t len = access_token_len(name, TOKEN);

	must(len == 0 || (len >= strlen(TOKEN) && len <= strlen(name) &&
			  !strncmp(name, TOKEN, strlen(TOKEN))));
	must(len == 0 || strchr("?/", name[strlen(TOKEN)]));
	if (access_is_bearer(authorization, TOKEN))
		must(!strcmp(authorization + strlen(authorization) -
			     strlen(TOKEN), TOKEN));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct conf plain, listed;
	struct fuzz_input in = fuzz_begin(data, size);
	char *lines[7];
	struct access_request q = { .method = "GET", .http11 = true,
				    .hosts = 1, .peer = &peer, .self = 1 };

	if (!plain.cache_dir)
		make_settings(&plain, &listed);
	for (size_t i = 0; i < 7; i++)
		lines[i] = fuzz_line_string(&in);
	q.host = field(lines[0]);
	q.hosts = q.host != NULL;
	q.origin = field(lines[2]);
	q.site = field(lines[3]);
	q.referer = field(lines[4]);
	q.authorization = field(lines[5]);
	check_token(lines[1], q.authorization);
	check_plain(&q, &plain);
	q.token = access_token_len(lines[1], TOKEN) ||
		access_is_bearer(q.authorization, TOKEN);
	check_listed(&q, &listed);
	if (access_is_name_list(lines[6]))
		must(!strpbrk(lines[6], "\r\n:\"\\()/"));
	for (size_t i = 0; i < 7; i++)
		free(lines[i]);
	return 0;
}
