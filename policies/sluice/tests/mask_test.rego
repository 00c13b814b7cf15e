package sluice.tests.mask

import data.system.log

test_claims_are_left_out_but_for_the_subject if {
	log.mask == {{"op": "upsert", "path": "/input/jwt_claims", "value": {"sub": "ann"}}} with input as {
		"path": "sluice/authz/allow",
		"input": {"bucket": "b", "jwt_claims": {"sub": "ann", "email": "ann@example.com"}},
	}
}

test_where_there_are_none_nothing_is_masked if {
	log.mask == set() with input as {"input": {"bucket": "b", "jwt_claims": null}}
}
