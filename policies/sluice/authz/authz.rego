# METADATA
# title: Who may have what
# description: |
#   What Sluice asks. sluice/authz/allow is true or false; sluice/authz/decision says why besides, which
#   Sluice writes into its log and shows to no client. What is public is for everybody; for the rest all
#   checks that the bucket's rules require must pass. A bucket without rules, rules that require nothing,
#   and a check that there is none of, let nobody in.
package sluice.authz

import data.sluice.checks
import data.sluice.request

default allow := false

allow if decision.allow

decision := {"allow": true, "reason": "public"} if checks.public.passes

else := {"allow": false, "reason": "the bucket has no rules"} if not has_rules

else := {"allow": false, "reason": concat("; ", sort(denials))} if count(denials) > 0

else := {"allow": true, "reason": concat(", ", request.rules.require)}

has_rules if count(request.rules.require) > 0

denials contains concat(": ", [name, why(name)]) if {
	some name in request.rules.require
	not checks[name].passes
}

why(name) := checks[name].reason if checks[name].reason

else := "there is no such check"
