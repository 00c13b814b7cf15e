"""Reads the embedded S3 server with AWS's Python client. Arguments: endpoint, access key, secret.
Standard input: the keys of the bucket "odd" as JSON; the object of the key k holds "<k>"."""

import json
import sys
import urllib.error
import urllib.request

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

endpoint, access_key, secret = sys.argv[1:4]
odd_keys = json.load(sys.stdin)


def client(access_key=access_key, secret=secret, token=None):
    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id=access_key,
        aws_secret_access_key=secret,
        aws_session_token=token,
        config=Config(signature_version="s3v4", retries={"max_attempts": 0}),
    )


def expect_refusal(code, call):
    try:
        call()
    except ClientError as error:
        assert error.response["Error"]["Code"] == code, error.response["Error"]
    else:
        raise AssertionError(f"not refused with {code}")


def status_of(url):
    try:
        return urllib.request.urlopen(url).status
    except urllib.error.HTTPError as error:
        return error.code


s3 = client()
for key in odd_keys:
    body = s3.get_object(Bucket="odd", Key=key)["Body"].read().decode()
    assert body == f"<{key}>", key

pages = s3.get_paginator("list_objects_v2").paginate(Bucket="odd", PaginationConfig={"PageSize": 3})
listed = [item["Key"] for page in pages for item in page["Contents"]]
assert listed == sorted(odd_keys, key=lambda key: key.encode()), listed
marked = s3.get_paginator("list_objects").paginate(Bucket="odd", PaginationConfig={"PageSize": 3})
assert [item["Key"] for page in marked for item in page["Contents"]] == listed

target = {"Bucket": "odd", "Key": "a b"}
url = s3.generate_presigned_url("get_object", Params=target, ExpiresIn=60)
assert status_of(url) == 200
assert status_of(url.replace("Expires=60", "Expires=61")) == 403
assert status_of(url.replace("a%20b", "a%2Bb")) == 403

expect_refusal("SignatureDoesNotMatch", lambda: client(secret="wrong").get_object(**target))
expect_refusal("InvalidAccessKeyId", lambda: client(access_key="AKNOBODY").get_object(**target))
expect_refusal("InvalidToken", lambda: client(token="token").get_object(**target))
expect_refusal("NoSuchKey", lambda: s3.get_object(Bucket="odd", Key="none"))
expect_refusal("404", lambda: s3.head_object(Bucket="odd", Key="none"))
expect_refusal("NoSuchBucket", lambda: s3.list_objects_v2(Bucket="none"))
