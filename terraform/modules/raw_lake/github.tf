# The role by which jobs of one environment of one GitHub repository deploy: they prove who they are by GitHub's own
# token (OpenID Connect), so there is no key to keep. Who may run such a job is the environment's protection rules.
#
# It can read all that is here, change the bucket's settings, and make roles and policies called after name_prefix; a role
# only within the boundary, and not its own role or the boundary itself. It sees no object of the lake.

locals {
  has_github  = var.github != null
  github_host = "token.actions.githubusercontent.com"

  makes_oidc_provider = local.has_github ? var.github.oidc_provider_arn == null : false
  oidc_provider_arn   = local.makes_oidc_provider ? aws_iam_openid_connect_provider.github[0].arn : try(var.github.oidc_provider_arn, null)

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
        "${local.github_host}:sub" = "repo:${var.github.repository}:environment:${var.github.environment}"
      } }
    }]
  })
}

locals {
  state_bucket_arn = try("arn:${local.partition}:s3:::${var.github.state_bucket}", null)
  state_arn        = try("${local.state_bucket_arn}/${var.github.state_key}", null)
}

resource "aws_iam_role_policy" "github" {
  count = local.has_github ? 1 : 0

  name = "deploy"
  role = aws_iam_role.github[0].name

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat([
      {
        Sid       = "FindState"
        Effect    = "Allow"
        Action    = ["s3:ListBucket"]
        Resource  = local.state_bucket_arn
        Condition = { StringLike = { "s3:prefix" = "${var.github.state_key}*" } }
      },
      {
        Sid      = "ReadAndWriteState"
        Effect   = "Allow"
        Action   = ["s3:GetObject", "s3:PutObject"]
        Resource = [local.state_arn, "${local.state_arn}.tflock"]
      },
      {
        Sid      = "UnlockState"
        Effect   = "Allow"
        Action   = ["s3:DeleteObject"]
        Resource = "${local.state_arn}.tflock"
      },
      {
        Sid    = "SettingsOfTheBucket"
        Effect = "Allow"
        Action = [
          "s3:CreateBucket", "s3:ListBucket",
          "s3:GetBucket*", "s3:GetAccelerateConfiguration", "s3:GetEncryptionConfiguration", "s3:GetLifecycleConfiguration",
          "s3:GetReplicationConfiguration",
          "s3:PutBucketNotification", "s3:PutBucketOwnershipControls", "s3:PutBucketPolicy", "s3:PutBucketPublicAccessBlock",
          "s3:PutBucketTagging", "s3:PutBucketVersioning", "s3:PutEncryptionConfiguration", "s3:PutLifecycleConfiguration",
        ]
        Resource = local.bucket_arn
      },
      {
        Sid    = "ReadRolesAndPolicies"
        Effect = "Allow"
        Action = [
          "iam:GetRole", "iam:GetRolePolicy", "iam:ListRolePolicies", "iam:ListAttachedRolePolicies", "iam:ListInstanceProfilesForRole",
          "iam:GetPolicy", "iam:GetPolicyVersion", "iam:ListPolicyVersions",
        ]
        Resource = [local.our_roles, local.our_policies]
      },
      {
        Sid      = "ReadGithubsProvider"
        Effect   = "Allow"
        Action   = ["iam:GetOpenIDConnectProvider"]
        Resource = local.oidc_provider_arn
      },
      {
        Sid      = "ManagePolicies"
        Effect   = "Allow"
        Action   = ["iam:CreatePolicy", "iam:CreatePolicyVersion", "iam:DeletePolicy", "iam:DeletePolicyVersion", "iam:TagPolicy", "iam:UntagPolicy"]
        Resource = local.our_policies
      },
      {
        Sid    = "ManageRolesWithinTheBoundary"
        Effect = "Allow"
        Action = [
          "iam:CreateRole", "iam:PutRolePolicy", "iam:DeleteRolePolicy", "iam:AttachRolePolicy", "iam:DetachRolePolicy",
          "iam:PutRolePermissionsBoundary",
        ]
        Resource  = local.our_roles
        Condition = { StringEquals = { "iam:PermissionsBoundary" = aws_iam_policy.boundary.arn } }
      },
      {
        Sid      = "ManageRoles"
        Effect   = "Allow"
        Action   = ["iam:DeleteRole", "iam:UpdateRole", "iam:UpdateRoleDescription", "iam:UpdateAssumeRolePolicy", "iam:TagRole", "iam:UntagRole"]
        Resource = local.our_roles
      },
      {
        Sid       = "NotItselfNorTheBoundary"
        Effect    = "Deny"
        NotAction = ["iam:Get*", "iam:List*"]
        Resource  = ["${local.iam_arn}:role/${local.deploy_role}", aws_iam_policy.boundary.arn]
      },
      ], flatten([
        for key in aws_kms_key.raw : [
          {
            Sid    = "SettingsOfTheKey"
            Effect = "Allow"
            Action = [
              "kms:DescribeKey", "kms:GetKeyPolicy", "kms:GetKeyRotationStatus", "kms:ListResourceTags", "kms:EnableKeyRotation",
              "kms:TagResource", "kms:UntagResource",
            ]
            Resource = key.arn
          },
          # AWS lets nobody list one key's aliases alone.
          { Sid = "FindAliases", Effect = "Allow", Action = ["kms:ListAliases"], Resource = "*" },
        ]
    ]))
  })
}
