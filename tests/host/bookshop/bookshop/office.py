from __future__ import annotations

from django.contrib.admin import AdminSite
from django.contrib.admin.apps import AdminConfig


class OfficeSite(AdminSite):
    """The admin under its own name, in place of Django's."""

    site_header = "Back office"
    site_title = "Bookshop"
    index_title = "Shelves"


class OfficeConfig(AdminConfig):
    default_site = "bookshop.office.OfficeSite"
