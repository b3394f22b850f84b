# The role by which jobs of one environment of one GitHub repository deploy: they prove who they are by GitHub's own
# token (OpenID Connect), so there is no key to keep. Who may run such a job is the environment's protection rules.
#
# It reads all that is here, and changes what gives nobody access to an object of the lake and takes none away: tags,
# notifications, the key's rotation, and Terraform's state. Roles, policies, and the bucket's policy, lifecycle, versions,
# encryption and public access are an administrator's to change: a plan shows such a change, and an apply of this role
# ends with AWS' AccessDenied. A policy that others attach to the role, or to the bucket, adds nothing (`NothingElse`).

locals {
  has_github  = var.github != null
  github_host = "token.actions.githubusercontent.com"

  makes_oidc_provider = local.has_github ? var.github.oidc_provider_arn == null : false
  oidc_provider_arn   = local.makes_oidc_provider ? aws_iam_openid_connect_provider.github[0].arn : try(var.github.oidc_provider_arn, null)

  # The subject of a job's token. Repositories made, renamed or transferred since July 2026, and those that opted in, have
  # the ids of owner and repository in it, so that nobody who takes over a name takes over the trust.
  # https://docs.github.com/en/actions/reference/openid-connect-reference#immutable-subject-claims
  github_repository = !local.has_github ? null : var.github.repository_id == null ? var.github.repository : join("/", [
    "${split("/", var.github.repository)[0]}@${var.github.owner_id}", "${split("/", var.github.repository)[1]}@${var.github.repository_id}",
  ])

  deploy_role  = "${var.name_prefix}-github-deploy"
  our_roles    = "${local.iam_arn}:role/${var.name_prefix}-*"
  our_policies = "${local.iam_arn}:policy/${var.name_prefix}-*"
}

resource "aws_iam_openid_connect_provider" "github" {
  count = local.makes_oidc_provider ? 1 : 0

  url            = "https://${local.github_host}"
  client_id_list = ["sts.amazonaws.com"]
}

resource "aws_iam_role" "github" {
  count = local.has_github ? 1 : 0

  name                 = local.deploy_role
  description          = "Taken on by GitHub Actions of ${var.github.repository}, environment ${var.github.environment}"
  max_session_duration = 3600

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "JobsOfOneEnvironment"
      Effect    = "Allow"
      Principal = { Federated = local.oidc_provider_arn }
      Action    = "sts:AssumeRoleWithWebIdentity"
      Condition = { StringEquals = {
        "${local.github_host}:aud" = "sts.amazonaws.com"
        "${local.github_host}:sub" = "repo:${local.github_repository}:environment:${var.github.environment}"
      } }
    }]
  })
}

locals {
  state_bucket_arn = try("arn:${local.partition}:s3:::${var.github.state_bucket}", null)
  state_arn        = try("${local.state_bucket_arn}/${var.github.state_key}", null)
  state_lock_arn   = try("${local.state_arn}.tflock", null)
}

locals {
  deployment = concat([
    {
      Sid       = "FindState"
      Action    = ["s3:ListBucket"]
      Resource  = local.state_bucket_arn
      Condition = { StringLike = { "s3:prefix" = try("${var.github.state_key}*", null) } }
    },
    {
      Sid      = "ReadAndWriteState"
      Action   = ["s3:GetObject", "s3:PutObject"]
      Resource = [local.state_arn, local.state_lock_arn]
    },
    {
      Sid      = "UnlockState"
      Action   = ["s3:DeleteObject"]
      Resource = local.state_lock_arn
    },
    {
      Sid = "SettingsOfTheBucket"
      Action = [
        "s3:ListBucket", "s3:GetBucket*", "s3:GetAccelerateConfiguration", "s3:GetEncryptionConfiguration",
        "s3:GetLifecycleConfiguration", "s3:GetReplicationConfiguration", "s3:PutBucketNotification", "s3:PutBucketTagging",
      ]
      Resource = local.bucket_arn
    },
    {
      Sid = "ReadRolesAndPolicies"
      Action = [
        "iam:GetRole", "iam:GetRolePolicy", "iam:ListRolePolicies", "iam:ListAttachedRolePolicies", "iam:ListInstanceProfilesForRole",
        "iam:GetPolicy", "iam:GetPolicyVersion", "iam:ListPolicyVersions",
      ]
      Resource = [local.our_roles, local.our_policies]
    },
    {
      Sid      = "ReadGithubsProvider"
      Action   = ["iam:GetOpenIDConnectProvider"]
      Resource = local.oidc_provider_arn
    },
    ], flatten([
      for key in aws_kms_key.raw : [
        {
          Sid = "SettingsOfTheKey"
          Action = [
            "kms:DescribeKey", "kms:GetKeyPolicy", "kms:GetKeyRotationStatus", "kms:ListResourceTags", "kms:EnableKeyRotation",
            "kms:TagResource", "kms:UntagResource",
          ]
          Resource = key.arn
        },
        # AWS lets nobody list one key's aliases alone.
        { Sid = "FindAliases", Action = ["kms:ListAliases"], Resource = "*" },
      ]
  ]))
}

resource "aws_iam_role_policy" "github" {
  count = local.has_github ? 1 : 0

  name = "deploy"
  role = aws_iam_role.github[0].name

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat([for statement in local.deployment : merge(statement, { Effect = "Allow" })], [
      {
        Sid       = "NothingElse"
        Effect    = "Deny"
        NotAction = sort(distinct(flatten([for statement in local.deployment : statement.Action])))
        Resource  = "*"
      },
      {
        Sid      = "NoObjectOfTheLake"
        Effect   = "Deny"
        Action   = "s3:*"
        Resource = "${local.bucket_arn}/*"
      },
    ])
  })
}
