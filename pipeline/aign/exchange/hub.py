"""Uploading a folder to the Hugging Face Hub. The token is the client's: environment or login.

The hub's address is HF_ENDPOINT where that is set, as for every program that uses its client.
"""

from __future__ import annotations

from pathlib import Path

from aign.errors import StorageError
from aign.exchange.publication import Kind

REASONS = {
    401: "the hub does not accept the token; log in again with `hf auth login`",
    403: "the token may not write there; use one with write access, or a repository of yours",
    404: "no such owner, or not yours to see; check OWNER/NAME",
}


def check(repository: str, dry_run: bool = False) -> None:
    """Refuse early where there is no token; a dry run needs none.

    Raises:
        StorageError: no token in HF_TOKEN and nobody has logged in.
    """
    from huggingface_hub import get_token

    if not dry_run and get_token() is None:
        raise StorageError(f"hub:{repository}: no token. Log in with `hf auth login`, or set HF_TOKEN; "
                           "--dry-run shows what would be uploaded.")


def upload(folder: Path, repository: str, kind: Kind) -> str:
    """Make the repository if need be and put the folder's files in it, in one commit; return its address.

    Files that the repository has from an earlier publication and this one lacks are deleted in the same commit.

    Raises:
        StorageError: no network, no right to write, no such owner: whatever the hub's client reports, in one line.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    # The client's own error is one of the library it speaks HTTP with, whichever that is; so are broken connections.
    network: type[Exception] = HfHubHTTPError.__bases__[0]
    try:
        api = HfApi(library_name="aign")
        address = str(api.create_repo(repository, repo_type=kind, exist_ok=True))
        api.upload_folder(repo_id=repository, repo_type=kind, folder_path=folder, delete_patterns="*",
                          commit_message="Publish with aign")
    except HfHubHTTPError as error:
        status = error.response.status_code
        reason = REASONS.get(status, f"the hub answers {status}: {_line(error)}")
        raise StorageError(f"hub:{repository}: not uploaded; {reason}.") from error
    except (network, HFValidationError, OSError, ValueError, RuntimeError) as error:
        raise StorageError(f"hub:{repository}: not uploaded; {_line(error)}. Check the network, and HF_ENDPOINT and "
                           "HF_HUB_OFFLINE where they are set, then run the command again.") from error
    return address


def _line(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__
