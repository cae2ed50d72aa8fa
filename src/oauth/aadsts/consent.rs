//! Consent, permissions, licences.

use super::Retry::{AfterFix, AfterSignIn};
use super::Who::{Admin, Owner, User};
use super::{Row, row};

pub(super) const ROWS: &[Row] = &[
    row(
        &[65_001],
        Admin,
        AfterSignIn,
        "Nobody has consented to the app's permissions yet.",
        "The permissions changed since the last consent, consent was withdrawn, or users may not consent in this tenant.",
        &["Sign in again and accept the permissions.", "Where users may not consent, let an administrator consent for the organization."],
    ),
    row(
        &[65_004],
        User,
        AfterSignIn,
        "The person declined the permissions.",
        "The consent page was answered with Cancel, or it asked for an administrator's approval.",
        &[
            "Open the connect link again and accept.",
            "Where it says \"Need admin approval\", let an administrator consent for the organization.",
        ],
    ),
    row(
        &[90_094, 90_095],
        Admin,
        AfterFix,
        "An administrator has to consent to the app.",
        "The app asks for permissions that users of this tenant cannot grant themselves.",
        &["Let an administrator open the enterprise application and choose \"Grant admin consent\".", "Then open the connect link again."],
    ),
    row(
        &[90_008],
        Owner,
        AfterFix,
        "The app lacks the permission to sign people in.",
        "User.Read of Microsoft Graph is missing from its permissions.",
        &["Add the delegated permission User.Read to the app registration and consent again."],
    ),
    row(
        &[65_005, 650_056, 650_057],
        Owner,
        AfterFix,
        "The app registration lacks a permission that was asked for.",
        "The list of API permissions does not cover the resource.",
        &[
            "Compare the API permissions with what onedeskctl app-registration lists, and add what is missing.",
            "Then let an administrator consent again.",
        ],
    ),
    row(
        &[650_052, 650_054, 500_014],
        Admin,
        AfterFix,
        "The organization has no active subscription of the service.",
        "Exchange Online or another resource is missing or disabled in the tenant, mostly since a licence ended.",
        &["Check the tenant's licences and the enterprise application of the service."],
    ),
    row(
        &[500_011, 50_001],
        Admin,
        AfterFix,
        "The resource that the token is for does not exist in this tenant.",
        "A mistyped resource address, another cloud's address, or a service that the tenant never had.",
        &["Check microsoft.graph, microsoft.outlook and microsoft.cloud in the settings.", "Check that the tenant has Exchange Online."],
    ),
    row(
        &[50_105],
        Admin,
        AfterFix,
        "The person is not assigned to the app.",
        "The enterprise application admits assigned people only.",
        &["Assign the person or one of their groups under \"Users and groups\" of the enterprise application."],
    ),
];
