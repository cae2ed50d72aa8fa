//! Microsoft's codes as our reference lists them: who may be named, and whether trying again helps. The knowledge is held to it.

use super::super::Retry::{AfterFix, AfterSignIn, BackOff, No};
use super::super::Who::{Admin, Developer, Microsoft, Owner, User};
use super::super::{Retry, Who, explain, explain_error};
use crate::oauth::token::ProviderError;

/// Codes that mean the same, who can act (any of them may be named), whether to try again, and a word of what to do.
type Entry = (&'static [u32], &'static [Who], Retry, &'static str);

pub const TABLE: &[Entry] = &[
    (&[7_000_222], &[Owner], AfterFix, "Create a new client secret"),
    (&[7_000_215], &[Owner], AfterFix, "not its Secret ID"),
    (&[7_000_218], &[Developer, Owner], AfterFix, "Web"),
    (&[70_002], &[Owner], AfterFix, "AZUREAD_CIS"),
    (&[700_025], &[Owner], AfterFix, "public client flows"),
    (&[700_027], &[Owner], AfterFix, "certificate"),
    (&[50_012, 50_013], &[Owner], AfterFix, "clock"),
    (&[700_016], &[Owner, Admin], AfterFix, "AZUREAD_CID"),
    (&[700_011], &[Admin], AfterFix, "consent"),
    (&[7_000_229], &[Admin], AfterFix, "az ad sp create"),
    (&[7_000_112, 70_001], &[Admin, Owner], AfterFix, "Enabled for users"),
    (&[1_000_031], &[Admin], AfterFix, "administrator"),
    (&[50_011], &[Owner], AfterFix, "redirect URIs"),
    (&[500_113, 900_971], &[Owner], AfterFix, "redirect URIs"),
    (&[70_004], &[Owner, Developer], AfterFix, "redirect URIs"),
    (&[65_001], &[User, Admin], AfterSignIn, "Sign in again"),
    (&[65_004], &[User], AfterSignIn, "accept"),
    (&[90_094, 90_095], &[Admin], AfterFix, "admin consent"),
    (&[90_008], &[Owner], AfterFix, "User.Read"),
    (&[65_005, 650_056, 650_057], &[Owner], AfterFix, "API permissions"),
    (&[650_052, 650_054, 500_014], &[Admin], AfterFix, "licences"),
    (&[500_011, 50_001], &[Developer, Admin], AfterFix, "microsoft.cloud"),
    (&[70_011, 28_002, 28_003], &[Developer], No, "scopes"),
    (&[28_000, 700_022], &[Developer], No, "two services"),
    (&[700_023], &[Developer], No, "Report"),
    (&[901_002, 9_010_010], &[Developer], No, "same version"),
    (&[900_144, 90_014], &[Developer], No, "proxy"),
    (&[9_002_313, 90_004, 90_023, 90_100], &[Developer], No, "again"),
    (&[900_561, 90_056], &[Developer, User], No, "going back"),
    (&[90_015], &[Developer], No, "Report"),
    (&[54_005], &[Developer, User], AfterSignIn, "reload"),
    (&[70_008], &[User], AfterSignIn, "Sign in again"),
    (&[700_082], &[User], AfterSignIn, "Sign in again"),
    (&[700_084], &[Owner], AfterFix, "to \"Web\""),
    (&[70_000], &[User], AfterSignIn, "Sign in again"),
    (&[700_005], &[Developer], No, "one tenant"),
    (&[501_481], &[Developer], AfterSignIn, "again"),
    (&[50_147, 501_491], &[Developer], No, "Report"),
    (&[9_002_325], &[Owner], AfterFix, "to \"Web\""),
    (&[50_173], &[User], AfterSignIn, "Sign in again"),
    (&[50_132, 50_133, 50_089], &[User], AfterSignIn, "Sign in again"),
    (&[70_043, 70_044], &[User], AfterSignIn, "recur"),
    (&[50_076, 50_079, 50_074, 50_072, 50_078], &[User], AfterSignIn, "second factor"),
    (&[500_121, 50_158], &[User], AfterSignIn, "again"),
    (&[53_000, 53_001, 53_002], &[Admin], AfterFix, "Exclude"),
    (&[53_003, 530_032], &[Admin], AfterFix, "named location"),
    (&[530_035], &[Admin], AfterFix, "security defaults"),
    (&[53_004, 53_011], &[Admin], AfterFix, "risk"),
    (&[50_105], &[Admin], AfterFix, "Assign"),
    (&[50_020], &[User, Admin], AfterFix, "guest"),
    (&[90_072], &[Admin], AfterFix, "Invite"),
    (&[50_034, 51_004, 50_014, 16_003], &[User, Admin], AfterFix, "invitation"),
    (&[16_000, 50_058], &[User], AfterSignIn, "right account"),
    (&[50_055, 50_144], &[User], AfterSignIn, "Change the password"),
    (&[50_126, 50_056], &[User], AfterSignIn, "right password"),
    (&[50_053], &[User, Admin], BackOff, "unblock"),
    (&[50_057], &[Admin], AfterFix, "Enable the account"),
    (&[50_194], &[Owner], AfterFix, "any organizational directory"),
    (&[500_200, 9_002_332], &[User], AfterSignIn, "work or school account"),
    (&[90_027, 90_124, 90_130, 9_001_023], &[Developer], AfterFix, "v2"),
    (&[90_002, 900_023], &[Owner], AfterFix, "microsoft.tenant"),
    (&[90_019, 50_059, 50_128], &[Developer], AfterFix, "microsoft.tenant"),
    (&[90_038, 900_439, 900_382], &[Owner], AfterFix, "microsoft.cloud"),
    (&[500_021, 500_022, 500_212, 500_213], &[Admin], AfterFix, "cross-tenant"),
    (&[50_196], &[Developer], BackOff, "five minutes"),
    (&[90_055], &[Microsoft, Developer], BackOff, "when Microsoft allows it"),
    (&[90_033], &[Microsoft], BackOff, "tried again"),
    (&[90_006, 90_012, 90_024, 90_090, 50_033, 50_087, 70_012], &[Microsoft], BackOff, "tried again"),
    (&[50_000, 90_036], &[Microsoft], No, "trace id"),
    (&[700_054], &[Owner], AfterFix, "code flow"),
    (&[70_003, 70_007], &[Developer], No, "response_mode"),
];

#[test]
fn every_code_of_the_reference_is_explained_as_the_reference_has_it() {
    for (codes, who, retry, step) in TABLE {
        for code in *codes {
            let pasted = explain(&format!("AADSTS{code}: Something.\r\nTrace ID: 0000aaaa-1"));
            let heard = ProviderError { error: "invalid_grant".into(), codes: vec![*code], ..ProviderError::default() };
            assert_eq!(pasted, explain_error(&heard), "the daemon tells another story about {code}");
            assert!(pasted.known && who.contains(&pasted.who), "{code}: {:?}", pasted.who);
            assert_eq!(pasted.retry, *retry, "{code}");
            let steps = pasted.steps.join("\n").to_lowercase();
            assert!(steps.contains(&step.to_lowercase()), "{code}: {steps}");
        }
    }
}
