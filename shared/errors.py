"""Refusals: each has a stable code, an HTTP status and a text in Chinese and English.

A rule that a service enforces is a subclass named after the rule, declared beside the rule itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class Detail:
    """One offending place: a JSON pointer into the request, a code, and the values its text speaks of."""

    pointer: str
    code: str
    text: str = ""


class Refused(Exception):
    """A request or event that breaks a rule. Subclasses give `code`, `status`, `zh` and `en`.

    The texts are formatted with the keyword arguments, which are also members of the problem document.
    """

    status: ClassVar[int] = 409
    code: ClassVar[str] = "refused"
    zh: ClassVar[str] = "请求被拒绝"
    en: ClassVar[str] = "The request is refused"

    def __init__(self, *, details: Sequence[Detail] = (), **values: object) -> None:
        super().__init__(self.code)
        self.details = tuple(details)
        self.values = values

    def text(self, language: str) -> str:
        """The sentence for a reader of `zh` or `en`."""
        return (self.zh if language == "zh" else self.en).format_map(self.values)

    def __str__(self) -> str:
        return f"{self.code}: {self.text('en')}"


class Malformed(Refused):
    """The request cannot be read as what the route expects."""

    status, code = 422, "malformed"
    zh, en = "请求内容不符合格式要求", "The request does not have the form that this route expects"


class TooLarge(Refused):
    """The body is larger than the route takes."""

    status, code = 413, "too_large"
    zh, en = "请求体超过上限 {limit} 字节", "The body is larger than {limit} bytes"


class NotFound(Refused):
    """The object does not exist, or lies outside what the caller may see: the answer is the same."""

    status, code = 404, "not_found"
    zh, en = "没有该对象，或不在您的权限范围内", "There is no such object, or it is outside what you may see"


class Unauthenticated(Refused):
    """No token, or one that does not verify."""

    status, code = 401, "unauthenticated"
    zh, en = "需要有效的访问令牌", "A valid access token is required"


class IdentityUnavailable(Refused):
    """The issuer cannot be reached to verify a token that is not known yet."""

    status, code = 503, "identity_unavailable"
    zh, en = "身份服务暂不可用，请稍后重试", "The identity service cannot be reached; try again shortly"


class Forbidden(Refused):
    """No appointment of the caller allows this."""

    status, code = 403, "forbidden"
    zh, en = "您的任职不包含该权限：{permission}", "None of your appointments allows {permission}"


class OutsideScope(Refused):
    """The caller holds the permission, but not over this unit."""

    status, code = 403, "outside_scope"
    zh, en = "该单位不在您的权限范围内", "This unit is outside your scope"


class Stale(Refused):
    """Somebody else changed the object since it was read."""

    status, code = 412, "stale"
    zh, en = "该对象已被他人修改，请重新读取", "The object was changed since you read it; read it again"


class VersionRequired(Refused):
    """Two people may edit this object, so the edit must say which version it saw."""

    status, code = 428, "if_match_required"
    zh, en = "请在 If-Match 中给出所读版本", "Say in If-Match which version you read"


class Unavailable(Refused):
    """Something this service needs is down; nothing was half done."""

    status, code = 503, "unavailable"
    zh, en = "所需服务暂不可用：{what}", "{what} cannot be reached at the moment; nothing was changed"


class InProgress(Refused):
    """The same request, or one that holds the same object, is still in work."""

    code = "in_progress"
    zh, en = (
        "相同的请求正在处理中，请稍后重试",
        "The same request is still being worked on; try again shortly",
    )
