/* The commands that are one question to the daemon for each URL, or one in all. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl.h"
#include "ctl_call.h"

/* What to say of an answer that is fine; EXIT_SUCCESS, or what else its meaning
 * comes to. */
typedef int say_fn(const struct ctl *ctl, const char *url,
		   const json_t *answer);

static int say_nothing(const struct ctl *ctl, const char *url,
		       const json_t *answer)
{
	(void)ctl;
	(void)url;
	(void)answer;
	return EXIT_SUCCESS;
}

/* Exit status; what is wrong is said, of `what`. */
static int ask_one(struct ctl_client *client, const struct ctl *ctl,
		   const char *method, const char *path, json_t *body,
		   const char *what, say_fn *say)
{
	struct ctl_reply reply = { 0 };
	int rc = ctl_ask(client, method, path, body, &reply);
	const char *error = rc == 0 ? ctl_reply_error(&reply) : NULL;
	int status;

	if (rc == -ENOTCONN)
		status = ctl_complain("%s: the spoolfs has ended", what);
	else if (rc < 0)
		status = ctl_complain("%s: %s", what, strerror(-rc));
	else if (error)
		status = ctl_complain("%s: %s", what, error);
	else
		status = say(ctl, what, reply.body);
	if (rc == 0 && !error && (ctl->flags & CTL_JSON))
		ctl_put_json(json_incref(reply.body));
	ctl_reply_fini(&reply);
	return status;
}

/* POST a path for each URL. */
static int for_each(const struct ctl *ctl, const char *path, say_fn *say)
{
	struct ctl_client *client = ctl_client_need(ctl->conf.cache_dir);
	int status = EXIT_SUCCESS, one;

	if (!client)
		return EXIT_FAILURE;
	for (int i = 0; i < ctl->n_args; i++) {
		struct url *u = ctl_resolve(ctl, ctl->args[i]);
		json_t *body = u ? json_pack("{ss}", "url", u->sent) : NULL;

		one = body ? ask_one(client, ctl, "POST", path, body, u->sent,
				     say) : EXIT_FAILURE;
		if (one != EXIT_SUCCESS && status != EXIT_FAILURE)
			status = one;
		json_decref(body);
		url_free(u);
	}
	ctl_client_close(client);
	return status;
}

/* One question that is about no file. Takes body. */
static int ask(const struct ctl *ctl, const char *method, const char *path,
	       json_t *body, const char *what, say_fn *say)
{
	struct ctl_client *client = ctl_client_need(ctl->conf.cache_dir);
	int status = EXIT_FAILURE;

	if (client)
		status = ask_one(client, ctl, method, path, body, what, say);
	ctl_client_close(client);
	json_decref(body);
	return status;
}

/* ---- files ---------------------------------------------------------------------------- */

int ctl_stop(struct ctl *ctl)
{
	return for_each(ctl, "/stop", say_nothing);
}

int ctl_pin(struct ctl *ctl)
{
	return for_each(ctl, "/pin", say_nothing);
}

int ctl_unpin(struct ctl *ctl)
{
	return for_each(ctl, "/unpin", say_nothing);
}

int ctl_reset(struct ctl *ctl)
{
	return for_each(ctl, "/reset", say_nothing);
}

static int say_result(const struct ctl *ctl, const char *url,
		      const json_t *answer)
{
	const char *result = ctl_text(answer, "result");

	if (!result)
		return ctl_complain("%s: an answer without a result", url);
	if (!(ctl->flags & CTL_JSON)) {
		printf("%-8s ", result);
		ctl_put(url);
		putchar('\n');
	}
	return strcmp(result, "holds") == 0 ? EXIT_SUCCESS : EXIT_CHANGED;
}

int ctl_validate(struct ctl *ctl)
{
	return for_each(ctl, "/validate", say_result);
}

/* ---- names ---------------------------------------------------------------------------- */

int ctl_add(struct ctl *ctl)
{
	return ask(ctl, "POST", "/names",
		   json_pack("{ss ss}", "name", ctl->args[0], "url",
			     ctl->args[1]), ctl->args[0], say_nothing);
}

int ctl_remove(struct ctl *ctl)
{
	char *path = ctl_query("/names", "name", ctl->args[0]);
	int status;

	if (!path)
		return ctl_complain("%s", strerror(ENOMEM));
	status = ask(ctl, "DELETE", path, NULL, ctl->args[0], say_nothing);
	free(path);
	return status;
}

static int say_names(const struct ctl *ctl, const char *what,
		     const json_t *answer)
{
	const char *name;
	json_t *url;

	(void)what;
	if (ctl->flags & CTL_JSON)
		return EXIT_SUCCESS;
	json_object_foreach((json_t *)(uintptr_t)answer, name, url) {
		ctl_put(name);
		putchar('\t');
		ctl_put(json_string_value(url) ? json_string_value(url) : "-");
		putchar('\n');
	}
	return EXIT_SUCCESS;
}

int ctl_names(struct ctl *ctl)
{
	return ask(ctl, "GET", "/names", NULL, "names", say_names);
}

/* ---- the daemon ------------------------------------------------------------------------ */

static int say_reloaded(const struct ctl *ctl, const char *what,
			const json_t *answer)
{
	const char *later = ctl_text(answer, "at_next_start");

	(void)what;
	if (later && !(ctl->flags & CTL_JSON))
		printf("only the next start brings: %s\n", later);
	return EXIT_SUCCESS;
}

int ctl_reload(struct ctl *ctl)
{
	return ask(ctl, "POST", "/reload", NULL, "reload", say_reloaded);
}

int ctl_log_level(struct ctl *ctl)
{
	return ask(ctl, "POST", "/log-level",
		   json_pack("{ss}", "level", ctl->args[0]), "log-level",
		   say_nothing);
}
