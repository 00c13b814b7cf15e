# METADATA
# title: What Sluice tells of a request, in the words of the checks
# description: |
#   input is { jwt_claims, bucket, path, method, client_ip }. jwt_claims is null where nobody had to say
#   who they are; path is decoded, and begins with the bucket's prefix.
package sluice.request

# The rules of the bucket, from data.json. Undefined: there are none, and nobody gets in.
rules := data.sluice.rules.buckets[input.bucket]

# The path below the bucket's prefix, without the slash between them.
below := substring(input.path, count(rules.prefix) + 1, -1) if {
	startswith(input.path, concat("", [rules.prefix, "/"]))
}

# The first folder of it. Undefined for what lies in no folder.
folder := name if {
	[name, _] := split_once
	name != ""
}

split_once := [substring(below, 0, at), substring(below, at + 1, -1)] if {
	at := indexof(below, "/")
	at >= 0
}

# A token has one role, or a list of them.
roles contains role if {
	role := input.jwt_claims.role
	is_string(role)
}

roles contains role if {
	is_array(input.jwt_claims.roles)
	some role in input.jwt_claims.roles
	is_string(role)
}
