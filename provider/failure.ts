/** What the engine is told when an operation fails. */

import { Metadata, type ServiceError, status } from "@grpc/grpc-js";
import messages from "@pulumi/pulumi/proto/provider_pb.js";
import statusMessages from "@pulumi/pulumi/proto/status_pb.js";
import any from "google-protobuf/google/protobuf/any_pb.js";
import { PartialFailure } from "./types.ts";
import { type Envelope, WireError } from "./wire.ts";

/** Errors that only a defect raises: nobody can say how far the operation got. */
const DEFECTS = [TypeError, RangeError, ReferenceError, SyntaxError];

export interface FailureOptions {
  envelope: Envelope;
  /** The operation can record the state it reached: create, update and read. */
  recordsState: boolean;
  /** What read goes on with as inputs. */
  inputs?: object;
  aborted: boolean;
}

/** The gRPC error for `error`: its message without any secret of the request, and the state reached if it carries one. */
export function serviceError(error: unknown, options: FailureOptions): ServiceError {
  if (error instanceof PartialFailure && options.recordsState) return partialFailure(error, options);
  const message = options.envelope.redact(messageOf(error));
  return failure(codeOf(error, options.aborted), message, new Metadata());
}

export function messageOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === "") return error.errors.map(messageOf).join("\n");
  return error instanceof Error && error.message !== "" ? error.message : String(error);
}

/** A plain error means by contract that nothing was changed; unless it is a defect, the engine is told just that. */
function codeOf(error: unknown, aborted: boolean): status {
  if (error instanceof PartialFailure) return status.UNKNOWN;
  if (error instanceof WireError || DEFECTS.some((defect) => error instanceof defect)) return status.INTERNAL;
  return aborted ? status.CANCELLED : status.FAILED_PRECONDITION;
}

function partialFailure(error: PartialFailure, { envelope, inputs }: FailureOptions): ServiceError {
  const detail = new messages.ErrorResourceInitFailed().setId(error.id);
  let message = messageOf(error);
  try {
    detail.setProperties(envelope.seal(error.outputs));
    if (inputs !== undefined) detail.setInputs(envelope.seal(inputs));
  } catch (wireError) {
    return failure(
      status.INTERNAL,
      envelope.redact(`${message}\n(the state reached is lost: ${messageOf(wireError)})`),
      new Metadata(),
    );
  }
  // After sealing: the outputs may hold secrets that the request did not.
  message = envelope.redact(message);
  detail.setReasonsList([message]);
  const packed = new any.Any();
  packed.pack(detail.serializeBinary(), "pulumirpc.ErrorResourceInitFailed");
  const rich = new statusMessages.Status().setCode(status.UNKNOWN).setMessage(message).setDetailsList([packed]);
  const metadata = new Metadata();
  metadata.set("grpc-status-details-bin", Buffer.from(rich.serializeBinary()));
  return failure(status.UNKNOWN, message, metadata);
}

function failure(code: status, message: string, metadata: Metadata): ServiceError {
  return Object.assign(new Error(message), { code, details: message, metadata });
}
