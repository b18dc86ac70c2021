"""Finding whom a command is about."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.core.management import CommandError

from ..models import Conversation, Owner
from .rules import Person, conversations_of


def add_arguments(parser: ArgumentParser) -> None:
    """How a command is told whom it is about."""
    parser.add_argument("user", nargs="?", help="the user's name, as for signing in")
    parser.add_argument("--id", help="the user's primary key instead, also of one who was deleted")
    parser.add_argument("--guest", metavar="SESSION", help="a guest, by the key of the session")


def find(options: dict[str, Any]) -> tuple[Person, Any]:
    """The person, and the account where there is one. Raises CommandError."""
    named = [name for name in ("user", "id", "guest") if options[name]]
    if len(named) != 1:
        raise CommandError("Name a user, or give --id or --guest.")
    model = get_user_model()
    if options["guest"]:
        return Person(Owner(session_key=options["guest"])), None
    if options["id"]:
        try:
            key = model._meta.pk.to_python(options["id"])
        except ValidationError as error:
            raise CommandError("That is no key of a user.") from error
        account = model._default_manager.filter(pk=key).first()
        name = account.get_username() if account else _name_kept_of(key)
        return Person(Owner(user_id=key), name), account
    try:
        account = model._default_manager.get_by_natural_key(options["user"])
    except model.DoesNotExist as error:
        raise CommandError(f"There is no user {options['user']!r}.") from error
    return Person(Owner(user_id=account.pk), account.get_username()), account


def _name_kept_of(key: Any) -> str:
    """How a deleted user was called, as far as it was kept; empty where somebody else is called so now."""
    kept = Conversation.objects.filter(conversations_of(Person(Owner(user_id=key)))).first()
    name = str(kept.metadata["owner"].get("name", "")) if kept is not None else ""
    model = get_user_model()
    taken = model._default_manager.filter(**{model.USERNAME_FIELD: name}).exists()
    return "" if taken else name


def describe(account: Any) -> dict[str, Any]:
    """What an export says of the account itself: the site's own data beyond it are the site's to export."""
    if account is None:
        return {}
    fields = ("username", "first_name", "last_name", "email", "date_joined", "last_login")
    names = [model_field for model_field in fields if hasattr(account, model_field)]
    return {
        "id": account.pk,
        "name": account.get_username(),
        **{name: getattr(account, name) for name in names},
    }
