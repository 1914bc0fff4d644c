/* What settings say of URLs. Three lines: names of parameters that don't count,
 * with commas between; a pattern of allow and deny; a URL. */
#include "config.h"

#include "cache/conf.h"
#include "cache/policy.h"
#include "cache/rules.h"
#include "cache/setting.h"
#include "cache/url.h"
#include "tests/fuzz/fuzz.h"

static const struct conf_key *find(enum conf_section section, const char *name)
{
	const struct conf_key *key = conf_find(section, name);

	must(key);
	return key;
}

static bool is_ignored(const struct conf_list *ignore, const char *parameter)
{
	size_t len = strcspn(parameter, "=&");

	for (size_t i = 0; i < ignore->n; i++)
		if (!strcmp(ignore->v[i], "*") ||
		    (strlen(ignore->v[i]) == len &&
		     !strncmp(ignore->v[i], parameter, len)))
			return true;
	return false;
}

/* Nothing is left that does not count, and stripping again takes nothing. */
static void check_strip(const struct conf_list *ignore, const struct url *u)
{
	char *text, *again;
	const char *s;
	struct url *bare;

	must(rules_strip(ignore, u->sent, &text) == 0);
	s = strchr(text ? text : u->sent, '?');
	for (; s && ignore->n; s = strchr(s + 1, '&'))
		must(!is_ignored(ignore, s + 1));
	if (!text)
		return;
	must(strlen(text) < strlen(u->sent));
	must(!strncmp(text, u->sent, strcspn(u->sent, "?")));
	must(rules_strip(ignore, text, &again) == 0 && !again);
	must(url_parse(text, &bare) == 0);
	must(!strcmp(bare->sent, text) && !strcmp(bare->origin, u->origin));
	url_free(bare);
	free(text);
}

/* What is denied is not allowed; what is not, is; metadata never. */
static void check_policy(const char *text, const struct url *u)
{
	struct conf allow, deny, both;
	char host[URL_HOST_MAX + 1], *pattern, *same, *error;

	if (policy_pattern(text, &pattern))
		return;
	must(policy_pattern(pattern, &same) == 0 && !strcmp(pattern, same));
	must(!conf_init(&allow) && !conf_init(&deny) && !conf_init(&both));
	if (!conf_set(&allow, "allow", pattern, &error) &&
	    !conf_set(&deny, "deny", pattern, &error) &&
	    !conf_set(&both, "allow", pattern, &error) &&
	    !conf_set(&both, "deny", pattern, &error)) {
		must(!policy_url(&both, u, true));
		must(!policy_url(&allow, u, true) ||
		     !policy_url(&deny, u, true));
		must(!policy_address_text(&deny, u, "169.254.169.254"));
	}
	policy_host(u, host, sizeof(host));
	policy_in_network(pattern, host);
	conf_fini(&allow);
	conf_fini(&deny);
	conf_fini(&both);
	free(pattern);
	free(same);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = fuzz_begin(data, size);
	char *names = fuzz_line_string(&in), *pattern = fuzz_line_string(&in);
	char *text = fuzz_line_string(&in), *reason = NULL;
	struct conf_origin o = { 0 };
	struct url *u;

	setting_assign(find(CONF_ORIGIN, "ignore_query"), &o, names, "/",
		       &reason);
	free(reason);
	setting_assign(find(CONF_ORIGIN, "no_cache"), &o, pattern, "/",
		       &reason);
	free(reason);
	if (url_parse(text, &u) == 0) {
		check_strip(&o.ignore_query, u);
		rules_path_fits(&o.no_cache, u->key);
		url_is_playlist(u->key, names);
		check_policy(pattern, u);
		url_free(u);
	}
	setting_free(find(CONF_ORIGIN, "ignore_query"), &o);
	setting_free(find(CONF_ORIGIN, "no_cache"), &o);
	free(names);
	free(pattern);
	free(text);
	return 0;
}
