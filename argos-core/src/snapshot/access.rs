//! Who may open a host that wants a sign-in.

use crate::schema::{HostAccess, Role, UserId};

/// Who may open one host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Access {
    // In order.
    users: Box<[UserId]>,
    roles: Box<[Role]>,
}

impl Access {
    /// As it is stored.
    #[must_use]
    pub fn new(stored: &HostAccess) -> Self {
        let mut users = stored.users.clone();
        users.sort_unstable();
        Self { users: users.into(), roles: stored.roles.clone().into() }
    }

    /// Whether this signed-in user may come in: everybody where nobody is named, and administrators always.
    #[must_use]
    pub fn admits(&self, user: UserId, role: Role) -> bool {
        role == Role::Admin
            || (self.users.is_empty() && self.roles.is_empty())
            || self.roles.contains(&role)
            || self.users.binary_search(&user).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_named_is_everybody_and_administrators_always_may() {
        let access = |users: &[i64], roles: &[Role]| {
            Access::new(&HostAccess { users: users.iter().copied().map(UserId).collect(), roles: roles.to_vec() })
        };
        // users, roles, who asks, as what, whether they may
        for (users, roles, user, role, may) in [
            (&[][..], &[][..], 5, Role::User, true),
            (&[9, 5], &[], 5, Role::User, true),
            (&[9, 5], &[], 6, Role::User, false),
            (&[9, 5], &[], 6, Role::Operator, false),
            (&[9, 5], &[], 6, Role::Admin, true),
            (&[], &[Role::Viewer], 6, Role::Viewer, true),
            (&[], &[Role::Viewer], 6, Role::User, false),
            // A role that allows more elsewhere is not one that is named here.
            (&[], &[Role::Viewer], 6, Role::Operator, false),
            (&[], &[Role::Admin], 6, Role::Operator, false),
            (&[], &[Role::Admin], 6, Role::Admin, true),
            (&[6], &[Role::Viewer], 6, Role::Operator, true),
        ] {
            assert_eq!(access(users, roles).admits(UserId(user), role), may, "{users:?} {roles:?} {user} {role}");
        }
    }
}
