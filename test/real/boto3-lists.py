"""Lists through Sluice as programs with boto3 do, and tells what came as JSON.

Arguments: the endpoint.
"""

import json
import sys

import boto3
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

(endpoint,) = sys.argv[1:]
signed = boto3.client(
    "s3", endpoint_url=endpoint, aws_access_key_id="nobody", aws_secret_access_key="nothing"
)
unsigned = boto3.client("s3", endpoint_url=endpoint, config=Config(signature_version=UNSIGNED))


def names(client, operation, bucket, **asked):
    keys, groups = [], []
    for page in client.get_paginator(operation).paginate(Bucket=bucket, **asked):
        keys += [one["Key"] for one in page.get("Contents", [])]
        groups += [one["Prefix"] for one in page.get("CommonPrefixes", [])]
    return [keys, groups]


def refusal(call):
    try:
        call()
    except ClientError as error:
        return error.response["Error"]["Code"]
    return "none"


def read(client):
    pages = {"PaginationConfig": {"PageSize": 100}}
    first = client.list_objects_v2(Bucket="things", MaxKeys=1)["Contents"][0]
    return {
        "all": names(client, "list_objects_v2", "things"),
        "old": names(client, "list_objects", "things"),
        "groups": names(client, "list_objects_v2", "many", Delimiter="/", **pages),
        "many": len(names(client, "list_objects_v2", "many", **pages)[0]),
        "many, old": len(names(client, "list_objects", "many", Prefix="a/", **pages)[0]),
        "old groups": names(client, "list_objects", "many", Prefix="a/", Delimiter="/", PaginationConfig={"PageSize": 2}),
        "first": [first["Key"], first["Size"], first["LastModified"].year > 2000, len(first["ETag"])],
        "bucket": client.head_bucket(Bucket="things")["ResponseMetadata"]["HTTPStatusCode"],
        "location": client.get_bucket_location(Bucket="things")["LocationConstraint"],
        "no bucket": refusal(lambda: client.list_objects_v2(Bucket="none")),
        "forbidden": refusal(lambda: client.list_objects_v2(Bucket="foreign")),
        "versions": refusal(lambda: client.list_object_versions(Bucket="things")),
    }


print(json.dumps({"signed": read(signed), "unsigned": read(unsigned)}))
