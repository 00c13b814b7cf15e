# METADATA
# title: What is for everybody
# description: |
#   rules.public lists folders below the bucket's prefix, each with its slash: "free/" opens free/a and
#   free/b/c, and neither "free" nor "freedom/a".
package sluice.checks.public

import data.sluice.request

default passes := false

passes if {
	some prefix in request.rules.public
	endswith(prefix, "/")
	startswith(request.below, prefix)
}

reason := "is not public"
