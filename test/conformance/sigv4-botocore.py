"""Signs the requests given as JSON lines and prints each one's Authorization header.

The path and the query are encoded here, so botocore's side of the comparison shares no
code with Sluice's.
"""

import datetime
import json
import sys
from urllib.parse import quote

import botocore.auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials


def authorization(asked):
    signed_at = datetime.datetime.fromtimestamp(asked["at"], datetime.timezone.utc)
    botocore.auth.get_current_datetime = lambda *args, **kwargs: signed_at
    credentials = Credentials(
        asked["accessKeyId"], asked["secretAccessKey"], asked["sessionToken"]
    )
    request = AWSRequest(
        method=asked["method"],
        url="https://" + asked["host"] + "/" + quote(asked["key"], safe="/-._~"),
        params=[tuple(pair) for pair in asked["query"]],
        headers={"Host": asked["host"], **dict(asked["amzHeaders"])},
    )
    botocore.auth.S3SigV4Auth(credentials, "s3", asked["region"]).add_auth(request)
    return request.headers["Authorization"]


for line in sys.stdin:
    print(authorization(json.loads(line)))
