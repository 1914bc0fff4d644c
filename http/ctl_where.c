/* url, path: where a URL is found. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl.h"
#include "look.h"
#include "where.h"

/* Where the endpoint would be if it ran, by the settings: the first address on
 * a network; malloc'd, or NULL: that can't be said. */
static char *usual_address(const struct conf *conf)
{
	const char *where = NULL, *port;
	char *at;
	int n;

	for (size_t i = 0; i < conf->http.n && !where; i++)
		if (strncmp(conf->http.v[i], "unix:", 5) != 0)
			where = conf->http.v[i];
	port = where ? strrchr(where, ':') : NULL;
	if (!port || strcmp(port, ":0") == 0)
		return NULL;
	if (strncmp(where, "0.0.0.0:", 8) == 0)
		n = asprintf(&at, "http://127.0.0.1%s", port);
	else if (strncmp(where, "[::]:", 5) == 0)
		n = asprintf(&at, "http://[::1]%s", port);
	else
		n = asprintf(&at, "http://%s", where);
	return n < 0 ? NULL : at;
}

/* Takes where. */
static int put_where(const struct ctl *ctl, const struct url *u,
		     const char *name, char *where)
{
	int status = EXIT_SUCCESS;

	if (ctl->flags & CTL_JSON)
		status = ctl_put_json(json_pack("{ss ss}", "url", u->sent,
						name, where));
	else
		puts(where);
	free(where);
	return status;
}

int ctl_url(struct ctl *ctl)
{
	struct url *u = ctl_resolve(ctl, ctl->args[0]);
	int status = EXIT_FAILURE;
	char *at, *where = NULL;

	if (!u)
		return EXIT_FAILURE;
	at = look_daemon(ctl->conf.cache_dir, "http");
	if (at && strncmp(at, "http:", 5) != 0) {	/* a Unix socket */
		free(at);
		at = NULL;
	} else if (!at) {
		at = usual_address(&ctl->conf);
	}
	if (!at)
		ctl_complain("no endpoint is running for %s",
			     ctl->conf.cache_dir);
	else if (!(where = where_address(at, ctl->conf.token, u)))
		ctl_complain("%s", strerror(ENOMEM));
	else
		status = put_where(ctl, u, "http", where);
	free(at);
	url_free(u);
	return status;
}

/* What has a record is known to be what it is. */
static bool is_known(const struct ctl *ctl, const struct url *u)
{
	char *path = ctl_record_path(&ctl->conf, u);
	struct store_record r;
	int rc = path ? ctl_find_record(path, u, &r) : -ENOENT;

	free(path);
	if (rc < 0)
		return false;
	store_record_fini(&r);
	return true;
}

static int put_path(const struct ctl *ctl, const struct url *u,
		    const char *mount)
{
	char *base = look_daemon(ctl->conf.cache_dir, "base"), *path = NULL;
	int status = EXIT_FAILURE, rc;

	rc = where_path(mount, base, u, !is_known(ctl, u), &path);
	if (rc == -EXDEV)
		ctl_complain("%s is not below %s, which is mounted", u->sent,
			     base);
	else if (rc < 0)
		ctl_complain("%s: %s", u->sent, strerror(-rc));
	else
		status = put_where(ctl, u, "path", path);
	free(base);
	return status;
}

int ctl_path(struct ctl *ctl)
{
	struct url *u = ctl_resolve(ctl, ctl->args[0]), *given;
	int status = EXIT_FAILURE;
	char *mount, *path;

	if (!u)
		return EXIT_FAILURE;
	mount = look_daemon(ctl->conf.cache_dir, "mount");
	if (!mount) {
		ctl_complain("nothing is mounted from %s", ctl->conf.cache_dir);
	} else if (url_parse(ctl->args[0], &given) == 0) {
		url_free(given);
		status = put_path(ctl, u, mount);
	} else {
		path = where_named(mount, ctl->args[0]);
		status = path ? put_where(ctl, u, "path", path)
			      : ctl_complain("%s", strerror(ENOMEM));
	}
	free(mount);
	url_free(u);
	return status;
}
