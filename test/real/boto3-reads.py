"""Reads through Sluice as programs with boto3 do, and tells what came as JSON.

Arguments: the endpoint, the key of a small object, the key of a large one.
"""

import hashlib
import json
import sys

import boto3
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

endpoint, small, large = sys.argv[1:]
signed = boto3.client(
    "s3", endpoint_url=endpoint, aws_access_key_id="nobody", aws_secret_access_key="nothing"
)
unsigned = boto3.client("s3", endpoint_url=endpoint, config=Config(signature_version=UNSIGNED))


def digest(data):
    return hashlib.sha256(data).hexdigest()


def refusal(call):
    try:
        call()
    except signed.exceptions.NoSuchKey:
        return "NoSuchKey"
    except ClientError as error:
        return error.response["Error"]["Code"]
    return "none"


def read(client):
    got = client.get_object(Bucket="things", Key=small)
    head = client.head_object(Bucket="things", Key=small)
    part = client.get_object(Bucket="things", Key=small, Range="bytes=10-19")
    same = {"Bucket": "things", "Key": small}
    return {
        "body": digest(got["Body"].read()),
        "metadata": got["Metadata"],
        "head": [head["ContentLength"], head["ETag"] == got["ETag"], head["ContentType"]],
        "part": part["Body"].read().hex(),
        "missing": refusal(lambda: client.get_object(Bucket="things", Key="no such")),
        "missing head": refusal(lambda: client.head_object(Bucket="things", Key="no such")),
        "forbidden": refusal(lambda: client.get_object(Bucket="foreign", Key=small)),
        "not modified": refusal(lambda: client.get_object(**same, IfNoneMatch=got["ETag"])),
        "changed": refusal(lambda: client.get_object(**same, IfMatch='"another"')),
        "bad range": refusal(lambda: client.get_object(**same, Range="bytes=999999999-")),
    }


unsigned.download_file("things", large, "downloaded")
with open("downloaded", "rb") as file:
    downloaded = digest(file.read())
print(json.dumps({"signed": read(signed), "unsigned": read(unsigned), "downloaded": downloaded}))
